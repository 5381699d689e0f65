#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ELF cores as tests need them, and a naive reader of them.

elfcore.py memory CORE FILE     write the memory in CORE to FILE: byte after byte at
                                its physical address
elfcore.py good NAME CORE       make a core; see GOOD below
elfcore.py bad NAME CORE        make one that is to be refused; see BAD below
elfcore.py other NAME CORE      make a file that is none; see OTHER below
elfcore.py largest CORE         make one whose memory is as much as a file may be
elfcore.py small NAME CORE      make a core of a few pages; see SMALL below
elfcore.py forge FILE COUNT     make the first page of FILE, as a guest can if it is its
                                memory, the headers of a core that has COUNT segments,
                                and its second page their number if that is large
elfcore.py list good|bad|other  their names

Written from "System V ABI", and from nothing that the packer uses.
"""
import random
import struct
import sys

PAGE = 4096
LOAD, NOTE = 1, 4
CORE, EXEC = 4, 2


class Segment:
    def __init__(self, place, data=b"", memory=None, **fields):
        """memory: bytes of it; fields: what the header is to say instead"""
        self.address = place
        self.data = data
        self.size = len(data) if memory is None else memory
        self.fields = fields


def header(wide, order, kind, table, sections, count):
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    return ident.ljust(16, b"\0") + struct.pack(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), kind,
        62 if wide else 3, 1, 0, table, sections, 0, 64 if wide else 52,
        56 if wide else 32, count, 64 if wide else 40, 1 if sections else 0, 0)


def program_header(wide, order, kind, offset, address, held, size):
    if wide:
        return struct.pack(order + "IIQQQQQQ", kind, 7, offset, 0, address,
                           held, size, 0)
    return struct.pack(order + "IIIIIIII", kind, offset, 0, address, held,
                       size, 7, 0)


def write(path, segments, wide=True, order="<", kind=CORE, many=False,
          note=b"\4\0\0\0\1\0\0\0\0\0\0\0VMCOREINFO", gap=0, table_last=False):
    """header, [section header], program headers, note, data; a page of zeros in the
    data becomes a hole of the file"""
    head, unit = (64, 56) if wide else (52, 32)
    sections = head if many else 0
    table = head + (64 if wide else 40) * many
    count = len(segments) + 1
    data = table if table_last else table + count * unit
    headers = [program_header(wide, order, NOTE, data, 0, len(note), 0)]
    with open(path, "wb") as f:
        f.seek(data)
        f.write(note)
        for segment in segments:
            f.seek(gap, 1)
            place = f.tell()
            for i in range(0, len(segment.data), PAGE):
                piece = segment.data[i:i + PAGE]
                if any(piece):
                    f.write(piece)
                else:
                    f.seek(len(piece), 1)
            f.truncate(max(f.tell(), place))
            says = {"kind": LOAD, "offset": place, "address": segment.address,
                    "held": len(segment.data), "size": segment.size}
            says.update(segment.fields)
            headers.append(program_header(wide, order, **says))
        if table_last:
            table = f.tell()
        f.seek(0)
        f.write(header(wide, order, kind, table, sections,
                       0xffff if many else count))
        if many:
            info = struct.pack(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"),
                               0, 0, 0, 0, 0, 0, 0, count, 0, 0)
            f.seek(sections)
            f.write(info)
        f.seek(table)
        f.write(b"".join(headers))


def some(seed, size):
    """bytes of which some pages are equal and some are zeros"""
    chance = random.Random(seed)
    data = b""
    while len(data) < size:
        what = chance.randrange(4)
        data += (bytes(PAGE * chance.randrange(1, 40)) if what == 0 else
                 bytes([chance.randrange(1, 4)]) * PAGE if what == 1 else
                 chance.randbytes(chance.randrange(1, 3 * PAGE)))
    return data[:size]


def segments(limit=1 << 24):
    """gaps, tails that are not held, pages that two segments have a part of"""
    return [
        Segment(0, some(1, 640 << 10)),
        Segment(0x100000, some(2, 3 << 20), 4 << 20),
        Segment(0x500000 + 100, some(3, 5000)),
        Segment(0x500000 + 5100, some(4, 3), 1 << 20),
        Segment(0x700001, some(5, 1), 1),
        Segment(0x700002, b"", 7),
        Segment(0x800000, some(6, 1 << 20)),
        Segment(limit - PAGE - 5, some(7, 4000)),
    ]


def two_of_the_same(path):
    """the same bytes of the file: QEMU's dump with paging has each mapping"""
    memory = some(8, 1 << 20)
    place = 64 + 4 * 56 + 4096
    write(path, [Segment(0x10000, memory), Segment(
        0x20000, size=0x3000, offset=place + 0x10000, held=0x3000), Segment(0x8000)], note=bytes(4096))


def kernel_twice(path):
    """equal bytes at two places: /proc/vmcore has the kernel a second time"""
    memory = some(9, 2 << 20)
    write(path, [Segment(0x100000 + 123, memory[123:456789]),
                 Segment(0x1000, memory[:1000]),
                 Segment(0x100000, memory)])


def pieces(path, **how):
    """70,000 segments"""
    chance = random.Random(10)
    found = [Segment(n * 300, chance.randbytes(100), chance.choice([100, 200, 300]))
             for n in range(70000)]
    chance.shuffle(found)
    write(path, found, many=True, **how)


def cut(name, size):
    def make(path):
        GOOD[name](path)
        with open(path, "r+b") as f:
            f.truncate(size)
    return make


def patched(name, place, value):
    def make(path):
        GOOD[name](path)
        with open(path, "r+b") as f:
            f.seek(place)
            f.write(value)
    return make


GOOD = {
    "64-little": lambda path: write(path, segments()),
    "64-big": lambda path: write(path, segments(5 << 30), order=">"),
    "32-little": lambda path: write(path, segments(), wide=False),
    "32-big": lambda path: write(path, segments(), wide=False, order=">"),
    "reversed": lambda path: write(path, segments()[::-1]),
    "table-last": lambda path: write(path, segments(), table_last=True),
    "aligned": lambda path: write(path, segments()[:1], note=bytes(PAGE - 64 - 112)),
    "header-size-of-qemu": patched("64-little", 52, b"\x08"),
    "far-apart": lambda path: write(path, segments(), gap=123457),
    "not-from-0": lambda path: write(path, [Segment(1 << 30, some(11, 1 << 20))]),
    "no-data": lambda path: write(path, [Segment(PAGE, memory=1 << 20)]),
    "two-of-the-same": two_of_the_same,
    "kernel-twice": kernel_twice,
    "many": pieces,
    "many-32-big": lambda path: pieces(path, wide=False, order=">"),
}


def one(**fields):
    return lambda path: write(path, [Segment(0x1000, b"fine"),
                                     Segment(0x8000, b"bad" * 5000, **fields)])


def overlap_too_much(path):
    """more than anybody wants to wait for"""
    write(path, [Segment(place, size=2 << 30, held=2 << 30)
                 for place in (0x1000, 0x1001)])
    with open(path, "r+b") as f:
        f.truncate(5 << 30)


BAD = {
    # what is said of it, and how it is made
    "cut": ("is cut short: segment 7 has", cut("64-little", 4855000)),
    "cut-in-table": ("is cut short: 9 segments are described from byte 64 on", cut("64-little", 300)),
    "cut-before-sections": ("is cut short: the number of its segments", cut("many", 100)),
    "no-sections": ("is cut short: the number of its segments", patched("many", 40, bytes(8))),
    "sections-beyond": ("is cut short: the number of its segments", patched("many", 40, b"\xff" * 8)),
    "table-beyond": ("is cut short: 9 segments are described", patched("64-little", 32, b"\xff" * 8)),
    "all-segments": ("is to have 4294967295 segments", patched("many", 64 + 44, b"\xff" * 4)),
    "offset-beyond": ("is cut short: segment 2 has 15000 bytes from byte 1000000", one(offset=1000000)),
    "offset-2-63": ("is cut short: segment 2 has", one(offset=1 << 63)),
    "offset-all": ("is cut short: segment 2 has", one(offset=(1 << 64) - 1)),
    "held-2-63": ("segment 2 holds 9223372036854775808 bytes of 15000", one(held=1 << 63)),
    "both-2-63": ("segment 2 does not end before 4 TiB", one(held=1 << 63, size=1 << 63)),
    "size-2-63": ("segment 2 does not end before 4 TiB", one(size=1 << 63)),
    "size-all": ("segment 2 does not end before 4 TiB", one(size=(1 << 64) - 1)),
    "size-wraps": ("segment 2 does not end before 4 TiB", one(size=(1 << 64) - 0x8000)),
    "address-all": ("segment 2 does not end before 4 TiB", one(address=(1 << 64) - 1)),
    "address-2-63": ("segment 2 does not end before 4 TiB", one(address=1 << 63)),
    "4-tib": ("segment 1 does not end before 4 TiB", lambda path: write(
        path, [Segment((1 << 42) - 1, b"x")])),
    "holds-more": ("segment 2 holds 15000 bytes of 14999", one(size=14999)),
    "overlap": ("segments 1 and 2 hold different memory of address 0x1002", lambda path: write(
        path, [Segment(0x1000, b"abc"), Segment(0x1002, b"d")])),
    "overlap-within": ("segments 2 and 1 hold different memory of address 0x2000", lambda path: write(
        path, [Segment(0x2000, b"inner" * 1000), Segment(0x1000, some(12, 100000))])),
    "overlap-too-much": ("segments 1 and 2 overlap at address 0x1001, and too many do",
                         overlap_too_much),
}


def process(path):
    write(path, [Segment(0, some(n, 5000), kind=LOAD) for n in range(3)])


def few(**how):
    return lambda path: write(path, [
        Segment(0x1000, some(13, 5000), 9000), Segment(0x4001, b"x" * 300),
        Segment(0x4100, b"x" * 200), Segment(0x8000)], **how)


SMALL = {
    "64-little": few(),
    "64-big": few(order=">"),
    "32-little": few(wide=False, many=True),
    "32-big": few(wide=False, order=">", table_last=True),
    "two-of-the-same": few(many=True),
}


def largest(path):
    write(path, [Segment((1 << 42) - 2, b"x")])


def forge(path, count):
    with open(path, "r+b") as f:
        f.write(header(True, "<", CORE, 120, PAGE, min(count, 0xffff)))
        f.seek(120)
        f.write(program_header(True, "<", LOAD, PAGE, PAGE, PAGE, PAGE))
        if count >= 0xffff:
            f.seek(PAGE + 44)
            f.write(struct.pack("<I", count))


OTHER = {
    # no core of a machine: raw
    "process": process,
    "program": lambda path: write(path, segments(), kind=EXEC),
    "no-segments": patched("64-little", 56, bytes(2)),
    "magic-only": patched("64-little", 4, b"\x90" * 60),
    "version": patched("64-little", 20, b"\2"),
    "entries-of-another-size": patched("64-little", 54, b"\x40"),
    "entries-in-header": patched("64-little", 32, bytes([63])),
    "cut-in-header": cut("64-little", 50),
    "cut-in-ident": cut("64-little", 9),
    "only-notes": lambda path: write(path, []),
}


def memory(core, path):
    """what is at each address"""
    with open(core, "rb") as f, open(path, "wb") as out:
        ident = f.read(16)
        wide, order = ident[4] == 2, "<" if ident[5] == 1 else ">"
        f.seek(0)
        if wide:
            fields = struct.unpack(order + "16sHHIQQQIHHHHHH", f.read(64))
        else:
            fields = struct.unpack(order + "16sHHIIIIIHHHHHH", f.read(52))
        table, sections, count = fields[5], fields[6], fields[10]
        if count == 0xffff:
            f.seek(sections + (44 if wide else 28))
            count = struct.unpack(order + "I", f.read(4))[0]
        size = 0
        for n in range(count):
            f.seek(table + n * (56 if wide else 32))
            if wide:
                kind, _, offset, _, address, held, memsz, _ = struct.unpack(
                    order + "IIQQQQQQ", f.read(56))
            else:
                kind, offset, _, address, held, memsz, _, _ = struct.unpack(
                    order + "IIIIIIII", f.read(32))
            if kind != LOAD:
                continue
            size = max(size, address + memsz)
            f.seek(offset)
            out.seek(address)
            out.write(f.read(held))
        out.truncate(size)


def main():
    command, *rest = sys.argv[1:]
    if command == "memory":
        memory(*rest)
    elif command == "good":
        GOOD[rest[0]](rest[1])
    elif command == "small":
        SMALL[rest[0]](rest[1])
    elif command == "largest":
        largest(rest[0])
    elif command == "forge":
        forge(rest[0], int(rest[1]))
    elif command == "other":
        OTHER[rest[0]](rest[1])
    elif command == "bad":
        says, make = BAD[rest[0]]
        make(rest[1])
        print(says)
    elif command == "list":
        print("\n".join({"good": GOOD, "bad": BAD, "other": OTHER}[rest[0]]))


main()
