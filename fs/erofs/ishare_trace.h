/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM erofs

#if !defined(__EROFS_ISHARE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define __EROFS_ISHARE_TRACE_H

#include <linux/tracepoint.h>

/* an inode begins, or ceases, to use the page cache of a shared one */
DECLARE_EVENT_CLASS(erofs_ishare,
	TP_PROTO(struct inode *inode, struct erofs_share *share),

	TP_ARGS(inode, share),

	TP_STRUCT__entry(
		__field(dev_t,		dev)
		__field(u64,		nid)
		__field(loff_t,		size)
		__field(unsigned long,	shared_ino)
		__field(unsigned int,	members)
		__field(unsigned long,	pages)
	),

	TP_fast_assign(
		__entry->dev	= inode->i_sb->s_dev;
		__entry->nid	= EROFS_I(inode)->nid;
		__entry->size	= i_size_read(inode);
		__entry->shared_ino = share->inode->i_ino;
		__entry->members = READ_ONCE(share->nr_members);
		__entry->pages	= READ_ONCE(share->inode->i_data.nrpages);
	),

	TP_printk("dev = (%d,%d), nid = %llu, size = %lld, shared ino = %lu, members = %u, pages = %lu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->nid,
		  __entry->size, __entry->shared_ino, __entry->members,
		  __entry->pages)
);

DEFINE_EVENT(erofs_ishare, erofs_ishare_join,
	TP_PROTO(struct inode *inode, struct erofs_share *share),
	TP_ARGS(inode, share)
);

DEFINE_EVENT(erofs_ishare, erofs_ishare_leave,
	TP_PROTO(struct inode *inode, struct erofs_share *share),
	TP_ARGS(inode, share)
);

#endif	/* __EROFS_ISHARE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE ishare_trace
#include <trace/define_trace.h>
