// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#include <string.h>
#include <time.h>

#include "progress.h"

#define REFRESH_SECONDS	0.1

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* "576.0 MiB"; @buf is returned */
static char *human(char buf[32], double bytes)
{
	static const char * const unit[] = {
		"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"
	};
	size_t i;

	for (i = 0; bytes >= 1024 && i + 1 < ARRAY_SIZE(unit); i++)
		bytes /= 1024;
	snprintf(buf, 32, i ? "%.1f %s" : "%.0f %s", bytes, unit[i]);
	return buf;
}

void sparse_progress_start(struct sparse_progress *progress)
{
	progress->start = now();
	progress->shown = progress->start;
}

void sparse_progress_add(struct sparse_progress *progress, u64 blocks)
{
	char done[32], total[32], rate[32];
	double time, speed;

	progress->done += blocks << SPARSE_BLOCK_BITS;
	if (!progress->active)
		return;
	time = now();
	if (time - progress->shown < REFRESH_SECONDS)
		return;
	progress->shown = time;
	speed = progress->done / (time - progress->start);
	if (!progress->total) {
		fprintf(stderr, "\r%s, %s/s\033[K", human(done, progress->done),
			human(rate, speed));
		return;
	}
	if (progress->total < progress->done)
		progress->total = progress->done;
	fprintf(stderr, "\r%s of %s, %s/s, %.0f s left\033[K",
		human(done, progress->done), human(total, progress->total),
		human(rate, speed), (progress->total - progress->done) / speed);
}

void sparse_progress_clear(const struct sparse_progress *progress)
{
	if (progress->active && progress->shown != progress->start)
		fputs("\r\033[K", stderr);
}

double sparse_progress_stop(struct sparse_progress *progress)
{
	sparse_progress_clear(progress);
	return now() - progress->start;
}

static void print_pages(FILE *f, const char *what, u64 pages, u64 total)
{
	fprintf(f, "  %-11s%14llu  %5.1f %%\n", what,
		(unsigned long long)pages,
		total ? 100.0 * pages / total : 0.0);
}

/* "out: 3 files of 1.0 GiB" */
static void print_files(FILE *f, const struct sparse_summary *summary)
{
	char bytes[32];

	fprintf(f, "%s: %llu file%s of %s", summary->path, (unsigned long long)summary->files,
		summary->files == 1 ? "" : "s", human(bytes, summary->bytes));
}

void sparse_estimate_print(FILE *f, const struct sparse_summary *summary)
{
	const struct sparse_counts *counts = &summary->counts;
	char image[32], index[32];

	print_files(f, summary);
	fprintf(f, " would take %s at most; nothing was written\n",
		human(image, summary->image));
	print_pages(f, "pages", counts->blocks, counts->blocks);
	print_pages(f, "holes", sparse_counts_holes(counts), counts->blocks);
	print_pages(f, "data", counts->stored, counts->blocks);
	fprintf(f, "  index %s at most\n", human(index, summary->index));
}

void sparse_summary_print(FILE *f, const struct sparse_summary *summary)
{
	const struct sparse_counts *counts = &summary->counts;
	char image[32], index[32], rate[32];

	print_files(f, summary);
	fprintf(f, " in %s, in %.2f s (%s/s)\n", human(image, summary->image),
		summary->seconds, human(rate, summary->bytes / summary->seconds));
	print_pages(f, "pages", counts->blocks, counts->blocks);
	print_pages(f, "holes", sparse_counts_holes(counts), counts->blocks);
	print_pages(f, "zeros", counts->zero, counts->blocks);
	print_pages(f, "duplicates", counts->duplicate, counts->blocks);
	if (summary->bases)
		print_pages(f, "in a base", counts->base, counts->blocks);
	print_pages(f, "stored", counts->stored, counts->blocks);
	if (summary->cores)
		fprintf(f, "  %llu ELF core%s, as the memory %s\n",
			(unsigned long long)summary->cores,
			summary->cores == 1 ? "" : "s",
			summary->cores == 1 ? "it holds" : "they hold");
	fprintf(f, "  index %s, UUID %s\n", human(index, summary->index),
		summary->uuid);
}
