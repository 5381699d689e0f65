// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

/* compared at once */
#define WINDOW	16384

/* of two that start at the same byte the longer one first: it is the one to keep */
static int by_start(const void *a, const void *b)
{
	const struct sparse_piece *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static u64 source_of(const struct sparse_piece *piece, u64 pos)
{
	return piece->offset + (pos - piece->start);
}

/* Return: 1 if both pieces hold the same there, 0 if not, or a negative errno. */
static int is_same(const struct sparse_source *source, const struct sparse_piece *a,
		   const struct sparse_piece *b, u64 start, u64 end,
		   struct sparse_failure *failure)
{
	u8 data[2][WINDOW];
	size_t len;
	int err;

	for (; start < end; start += len) {
		len = min_t(u64, end - start, WINDOW);
		err = sparse_source_read(source, data[0], len, source_of(a, start), failure);
		if (!err)
			err = sparse_source_read(source, data[1], len, source_of(b, start),
						 failure);
		if (err)
			return err;
		if (memcmp(data[0], data[1], len))
			return 0;
	}
	return 1;
}

/* that what @piece has before @end, where the pieces before it end, is what they have */
static int check_overlap(const struct sparse_layout *layout,
			 const struct sparse_source *source,
			 const struct sparse_piece *piece, u64 end, u64 *budget,
			 struct sparse_conflict *conflict, struct sparse_failure *failure)
{
	const struct sparse_piece *other = &layout->piece[layout->count];
	u64 from, to, cost;
	int ret;

	while (other-- > layout->piece && other->end > piece->start) {
		from = max_t(u64, other->start, piece->start);
		to = min_t(u64, min_t(u64, other->end, piece->end), end);
		if (from >= to ||
		    source_of(other, from) == source_of(piece, from))
			continue;
		/* by the page, lest single bytes take for ever */
		cost = sparse_blocks(to - from) << SPARSE_BLOCK_BITS;
		*conflict = (struct sparse_conflict) {
			other->id, piece->id, from, cost <= *budget,
		};
		if (cost > *budget)
			return 1;
		*budget -= cost;
		ret = is_same(source, other, piece, from, to, failure);
		if (ret <= 0)
			return ret ? ret : 1;
	}
	return 0;
}

static void append(struct sparse_layout *layout, const struct sparse_piece *piece)
{
	struct sparse_piece *last = &layout->piece[layout->count] - 1;

	if (layout->count && last->end == piece->start &&
	    source_of(last, last->end) == piece->offset)
		last->end = piece->end;
	else
		layout->piece[layout->count++] = *piece;
}

int sparse_layout_arrange(struct sparse_layout *layout,
			  const struct sparse_source *source,
			  struct sparse_conflict *conflict,
			  struct sparse_failure *failure)
{
	u64 end = 0, budget = SPARSE_OVERLAP_MAX;
	size_t count = layout->count, i;
	struct sparse_piece piece;
	int ret;

	qsort(layout->piece, count, sizeof(piece), by_start);
	/* those arranged are never more than those taken */
	layout->count = 0;
	for (i = 0; i < count; i++) {
		piece = layout->piece[i];
		ret = check_overlap(layout, source, &piece, end, &budget, conflict,
				    failure);
		if (ret)
			return ret;
		if (piece.end <= end || piece.end == piece.start)
			continue;
		if (piece.start < end) {
			piece.offset = source_of(&piece, end);
			piece.start = end;
		}
		end = piece.end;
		append(layout, &piece);
	}
	return 0;
}

/* the first piece that ends after @pos; @count if there is none */
static size_t find(const struct sparse_layout *layout, u64 pos)
{
	size_t first = 0, end = layout->count, mid;

	while (first < end) {
		mid = first + (end - first) / 2;
		if (layout->piece[mid].end > pos)
			end = mid;
		else
			first = mid + 1;
	}
	return first;
}

static int layout_next(struct sparse_source *source, u64 block,
		       struct sparse_extent *extent)
{
	const struct sparse_layout *layout = source->layout;
	u64 pos = block << SPARSE_BLOCK_BITS, data, hole;
	const struct sparse_piece *piece;
	size_t i;
	int ret;

	for (i = find(layout, pos); i < layout->count; i++) {
		piece = &layout->piece[i];
		ret = sparse_data_next(source->fd,
				       source_of(piece, max_t(u64, pos, piece->start)),
				       source_of(piece, piece->end), &data, &hole);
		if (ret < 0)
			return ret;
		if (!ret)
			continue;
		data += piece->start - piece->offset;
		hole += piece->start - piece->offset;
		*extent = (struct sparse_extent) {
			data >> SPARSE_BLOCK_BITS, sparse_blocks(hole), 0,
		};
		return 1;
	}
	return 0;
}

static ssize_t layout_read(const struct sparse_source *source, void *buf, size_t len,
			   u64 pos)
{
	const struct sparse_layout *layout = source->layout;
	u64 stop = pos + len, from, to;
	const struct sparse_piece *piece;
	ssize_t ret;
	size_t i;

	memset(buf, 0, len);
	for (i = find(layout, pos); i < layout->count; i++) {
		piece = &layout->piece[i];
		if (piece->start >= stop)
			break;
		from = max_t(u64, piece->start, pos);
		to = min_t(u64, piece->end, stop);
		ret = sparse_data_read(source->fd, (u8 *)buf + (from - pos), to - from,
				       source_of(piece, from));
		if (ret < (ssize_t)(to - from))
			return ret < 0 ? ret : (ssize_t)(from - pos);
	}
	return len;
}

const struct sparse_source_ops sparse_source_layout = { layout_next, layout_read };
