/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM erofs

#if !defined(__EROFS_ZEROPAGE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define __EROFS_ZEROPAGE_TRACE_H

#include <linux/tracepoint.h>

/* a fault on a hole that was served by zero PTEs */
TRACE_EVENT(erofs_hole_fault,
	TP_PROTO(struct inode *inode, pgoff_t index, pgoff_t first,
		 unsigned long nr, bool write),

	TP_ARGS(inode, index, first, nr, write),

	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(u64,		nid)
		__field(pgoff_t,	index)
		__field(pgoff_t,	first)
		__field(unsigned long,	nr)
		__field(bool,		write)
	),

	TP_fast_assign(
		__entry->dev	= inode->i_sb->s_dev;
		__entry->nid	= EROFS_I(inode)->nid;
		__entry->index	= index;
		__entry->first	= first;
		__entry->nr	= nr;
		__entry->write	= write;
	),

	TP_printk("dev = (%d,%d), nid = %llu, index = %lu, first = %lu, nr = %lu, %s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __entry->index, __entry->first, __entry->nr,
		  __entry->write ? "write" : "read")
);

#endif	/* __EROFS_ZEROPAGE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE zeropage_trace
#include <trace/define_trace.h>
