// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
#define _GNU_SOURCE
#include <byteswap.h>
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elfcore.h"

/* program headers read at once */
#define PIECE	1024

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define OWN_DATA	ELFDATA2LSB
#else
#define OWN_DATA	ELFDATA2MSB
#endif

/* what can be done about any core that is refused */
#define OTHERWISE	"; --format=raw packs the file as it is"

/**
 * struct core - an ELF core while it is read
 * @source: the file
 * @failure: where a failure is noted
 * @wide: of 64 bits
 * @swap: of the other byte order
 * @table: where its program headers are
 * @count: how many they are
 * @sections: where the first section header is, which may know how many better
 * @segments: how many of them are of memory
 * @placed: one of these has another physical address than 0
 * @layout: of the segments so far
 */
struct core {
	const struct sparse_source *source;
	struct sparse_failure *failure;
	bool wide;
	bool swap;
	u64 table;
	u64 count;
	u64 sections;
	size_t segments;
	bool placed;
	struct sparse_layout *layout;
};

/**
 * struct segment - what a program header says
 * @type: PT_LOAD, or something that is not memory
 * @offset: where in the file it is
 * @address: the physical one
 * @held: bytes in the file
 * @bytes: of memory; what is not held is zeros
 */
struct segment {
	u32 type;
	u64 offset;
	u64 address;
	u64 held;
	u64 bytes;
};

typedef int (*visit_t)(struct core *core, u64 n, const struct segment *segment);

static u64 number(const struct core *core, const void *field, size_t size)
{
	u64 wide;
	u32 word;
	u16 half;

	switch (size) {
	case sizeof(half):
		memcpy(&half, field, size);
		return core->swap ? bswap_16(half) : half;
	case sizeof(word):
		memcpy(&word, field, size);
		return core->swap ? bswap_32(word) : word;
	default:
		memcpy(&wide, field, sizeof(wide));
		return core->swap ? bswap_64(wide) : wide;
	}
}

/* a member of a structure that has one for each class */
#define GET(core, a32, a64)						\
	((core)->wide ? number(core, &(a64), sizeof(a64)) :		\
	 number(core, &(a32), sizeof(a32)))

static int read_at(const struct core *core, void *buf, size_t len, u64 pos)
{
	return sparse_source_read(core->source, buf, len, pos, core->failure);
}

/* the rest of the sentence about the file, and what can be done */
#define refuse(core, fmt, ...)						\
	sparse_refuse((core)->failure, (core)->source->path, fmt OTHERWISE, ##__VA_ARGS__)

static bool is_ident(const u8 ident[EI_NIDENT])
{
	static const u8 nothing[EI_NIDENT];

	/* EI_OSABI may be any, and EI_ABIVERSION: QEMU and the kernel write 0 */
	return !memcmp(ident, ELFMAG, SELFMAG) &&
		(ident[EI_CLASS] == ELFCLASS32 || ident[EI_CLASS] == ELFCLASS64) &&
		(ident[EI_DATA] == ELFDATA2LSB || ident[EI_DATA] == ELFDATA2MSB) &&
		ident[EI_VERSION] == EV_CURRENT &&
		!memcmp(ident + EI_PAD, nothing, EI_NIDENT - EI_PAD);
}

static size_t section_size(const struct core *core)
{
	return core->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

/* a number of program headers that is too large for its place is in a section header */
static bool has_count(const struct core *core)
{
	return core->count != PN_XNUM ||
		(core->sections && core->sections <= core->source->size &&
		 core->source->size - core->sections >= section_size(core));
}

static int read_count(struct core *core)
{
	union { Elf32_Shdr a32; Elf64_Shdr a64; } section;
	int err;

	if (core->count != PN_XNUM)
		return 0;
	err = read_at(core, &section, section_size(core), core->sections);
	if (err)
		return err;
	core->count = GET(core, section.a32.sh_info, section.a64.sh_info);
	return 0;
}

/* Return: 1 if it says that it is a core, 0 if not, or a negative errno. */
static int read_header(struct core *core)
{
	union { u8 ident[EI_NIDENT]; Elf32_Ehdr a32; Elf64_Ehdr a64; } header = { 0 };
	size_t size = core->source->size < sizeof(header) ? core->source->size : sizeof(header);
	const Elf32_Ehdr *a32 = &header.a32;
	const Elf64_Ehdr *a64 = &header.a64;
	int err;

	err = read_at(core, header.ident, size, 0);
	if (err)
		return err;
	if (!is_ident(header.ident))
		return 0;
	core->wide = header.ident[EI_CLASS] == ELFCLASS64;
	core->swap = header.ident[EI_DATA] != OWN_DATA;
	core->table = GET(core, a32->e_phoff, a64->e_phoff);
	/* not e_ehsize: QEMU writes the size of a pointer there */
	if (GET(core, a32->e_type, a64->e_type) != ET_CORE ||
	    GET(core, a32->e_version, a64->e_version) != EV_CURRENT ||
	    GET(core, a32->e_phentsize, a64->e_phentsize) !=
			(core->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
	    core->table < (core->wide ? sizeof(*a64) : sizeof(*a32)))
		return 0;
	core->count = GET(core, a32->e_phnum, a64->e_phnum);
	core->sections = GET(core, a32->e_shoff, a64->e_shoff);
	return core->count > 0;
}

static int check_segment(const struct core *core, u64 n, const struct segment *segment)
{
	unsigned long long id = n;

	if (segment->held > segment->bytes)
		return refuse(core, ": segment %llu holds %llu bytes of %llu",
			      id,
			      (unsigned long long)segment->held,
			      (unsigned long long)segment->bytes);
	if (segment->address >= SPARSE_FILE_MAX ||
	    segment->bytes >= SPARSE_FILE_MAX - segment->address)
		return refuse(core, ": segment %llu does not end before 4 TiB: 0x%llx bytes at address 0x%llx",
			      id,
			      (unsigned long long)segment->bytes,
			      (unsigned long long)segment->address);
	if (segment->held && (segment->offset > core->source->size ||
			      segment->held > core->source->size - segment->offset))
		return refuse(core, " is cut short: segment %llu has %llu bytes from byte %llu on, the file has %llu",
			      id,
			      (unsigned long long)segment->held,
			      (unsigned long long)segment->offset,
			      (unsigned long long)core->source->size);
	return 0;
}

static int count_segment(struct core *core, u64 n, const struct segment *segment)
{
	(void)n;
	core->segments++;
	if (segment->address)
		core->placed = true;
	return 0;
}

static int add_segment(struct core *core, u64 n, const struct segment *segment)
{
	struct sparse_layout *layout = core->layout;
	u64 end = segment->address + segment->bytes;
	int err;

	err = check_segment(core, n, segment);
	if (err)
		return err;
	if (layout->size < end)
		layout->size = end;
	if (segment->held)
		layout->piece[layout->count++] = (struct sparse_piece) {
			.start = segment->address,
			.end = segment->address + segment->held,
			.offset = segment->offset,
			.id = n,
		};
	return 0;
}

static int visit_entries(struct core *core, const u8 *entries, u64 first,
			 u64 count, visit_t visit)
{
	size_t unit = core->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	struct segment segment;
	u64 n;
	int err = 0;

	for (n = 0; n < count && !err; n++) {
		const Elf32_Phdr *a32 = (const void *)(entries + n * unit);
		const Elf64_Phdr *a64 = (const void *)(entries + n * unit);

		segment = (struct segment) {
			.type = GET(core, a32->p_type, a64->p_type),
			.offset = GET(core, a32->p_offset, a64->p_offset),
			.address = GET(core, a32->p_paddr, a64->p_paddr),
			.held = GET(core, a32->p_filesz, a64->p_filesz),
			.bytes = GET(core, a32->p_memsz, a64->p_memsz),
		};
		if (segment.type == PT_LOAD && segment.bytes)
			err = visit(core, first + n, &segment);
	}
	return err;
}

/* call @visit for each segment that is memory */
static int visit_segments(struct core *core, visit_t visit)
{
	size_t unit = core->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	u8 entries[PIECE * sizeof(Elf64_Phdr)] __attribute__((aligned(8)));
	u64 first, count;
	int err;

	for (first = 0; first < core->count; first += count) {
		count = core->count - first;
		if (count > PIECE)
			count = PIECE;
		err = read_at(core, entries, count * unit, core->table + first * unit);
		if (!err)
			err = visit_entries(core, entries, first, count, visit);
		if (err)
			return err;
	}
	return 0;
}

static bool has_table(const struct core *core)
{
	size_t unit = core->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	return core->table <= core->source->size &&
		core->count * unit <= core->source->size - core->table;
}

static int check_table(const struct core *core)
{
	if (core->count > SPARSE_SEGMENTS_MAX)
		return refuse(core, " is to have %llu segments, more than %llu",
			      (unsigned long long)core->count,
			      (unsigned long long)SPARSE_SEGMENTS_MAX);
	if (!has_table(core))
		return refuse(core, " is cut short: %llu segments are described from byte %llu on, the file has %llu",
			      (unsigned long long)core->count,
			      (unsigned long long)core->table,
			      (unsigned long long)core->source->size);
	return 0;
}

static int arrange(const struct core *core)
{
	struct sparse_conflict conflict;
	int ret = sparse_layout_arrange(core->layout, core->source, &conflict, core->failure);

	if (ret <= 0)
		return ret;
	return refuse(core, ": segments %u and %u %s address 0x%llx%s", conflict.a, conflict.b,
		      conflict.differ ? "hold different memory of" : "overlap at",
		      (unsigned long long)conflict.start,
		      conflict.differ ? "" : ", and too many do");
}

/* the memory of a process has no physical addresses */
static bool is_of_machine(const struct core *core)
{
	return core->placed || core->segments == 1;
}

/* Return: 1 if the core is one of a machine, 0 if not, or a negative errno. */
static int read_core(struct core *core)
{
	int err;

	if (!has_count(core))
		return refuse(core, " is cut short: the number of its segments is not in it");
	err = read_count(core);
	if (!err)
		err = check_table(core);
	if (!err)
		err = visit_segments(core, count_segment);
	if (err)
		return err;
	if (!is_of_machine(core))
		return 0;
	core->layout = calloc(1, sizeof(*core->layout) +
			      core->segments * sizeof(core->layout->piece[0]));
	if (!core->layout)
		return sparse_fail(core->failure, SPARSE_READ, core->source->path, -ENOMEM);
	err = visit_segments(core, add_segment);
	if (!err)
		err = arrange(core);
	return err ? err : 1;
}

int sparse_elfcore_read(const struct sparse_source *source, bool wanted,
			struct sparse_layout **layout, struct sparse_failure *failure)
{
	struct core core = { .source = source, .failure = failure };
	int ret;

	*layout = NULL;
	ret = read_header(&core);
	if (!ret && wanted)
		return refuse(&core, " is no ELF core");
	if (ret > 0)
		ret = read_core(&core);
	if (ret > 0) {
		*layout = core.layout;
		return 0;
	}
	free(core.layout);
	if (!ret && wanted)
		return refuse(&core, " is an ELF core, but of no machine: its memory has no physical addresses");
	return ret;
}

int sparse_elfcore_is_likely(const struct sparse_source *source,
			     struct sparse_failure *failure)
{
	struct core core = { .source = source, .failure = failure };
	int ret;

	ret = read_header(&core);
	if (ret <= 0 || !has_count(&core))
		return ret < 0 ? ret : 0;
	ret = read_count(&core);
	if (ret)
		return ret;
	if (core.count > PIECE)
		core.count = PIECE;
	if (!has_table(&core))
		return 0;
	ret = visit_segments(&core, count_segment);
	return ret ? ret : is_of_machine(&core);
}
