#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# known.py IMAGE REPORT - exit 0 if what a sanitizer reports of dump.erofs or fsck.erofs is
# what upstream's code is known to do with such an image, by what the image says:
#
# - its blocks have 2^32 bytes or more: the message that refuses them shifts by that;
# - a directory is below itself: dump.erofs --path and --ls recurse without end.
#
# Written from erofs_fs.h.  All else, a tool that does not end included, is not known.
import re
import struct
import sys

SUPER, WIDE, PLAIN, INLINE, DIRECTORY, UNKNOWN = 1024, 0x80, 0, 2, 2, 0

with open(sys.argv[1], "rb") as f:
    image = f.read()
with open(sys.argv[2], errors="replace") as f:
    report = f.read()


def number(pos, width):
    if not 0 <= pos <= len(image) - width:
        raise EOFError
    return int.from_bytes(image[pos:pos + width], "little")


bits = number(SUPER + 12, 1)
wide = number(SUPER + 80, 4) & WIDE


def blocks_of(nid):
    """what a directory has, block by block; nothing if it is none, or is kept otherwise"""
    pos = (number(SUPER + 40, 4) << bits) + nid * 32
    layout, xattrs, mode, high = struct.unpack("<HHHH", image[pos:pos + 8])
    size = number(pos + 8, 8 if layout & 1 else 4)
    start = number(pos + 16, 4) | (high << 32 if wide else 0)
    tail = pos + (64 if layout & 1 else 32) + (12 + 4 * (xattrs - 1) if xattrs else 0)
    if mode >> 12 != 4 or layout >> 1 & 7 not in (PLAIN, INLINE):
        return
    for at in range(0, size, 1 << bits):
        length = min(size - at, 1 << bits)
        inline = layout >> 1 & 7 == INLINE and at + (1 << bits) >= size
        first = tail if inline else (start << bits) + at
        if not 0 <= first < len(image):
            return
        yield image[first:first + length]


def below(nid):
    for block in blocks_of(nid):
        names = int.from_bytes(block[8:10], "little")
        for at in range(0, min(names, len(block) - 11), 12):
            child, name, kind = struct.unpack("<QHB", block[at:at + 11])
            end = int.from_bytes(block[at + 20:at + 22], "little") if at + 12 < names else None
            if block[name:end].rstrip(b"\0") in (b".", b".."):
                continue
            if kind in (DIRECTORY, UNKNOWN):
                yield child


def is_below_itself(nid, above=(), seen=None):
    seen = set() if seen is None else seen
    if nid in above:
        return True
    if nid in seen:
        return False
    seen.add(nid)
    try:
        return any([is_below_itself(child, above + (nid,), seen) for child in below(nid)])
    except (EOFError, struct.error):
        return False


def is_known():
    if re.search(r"super\.c:.*runtime error: shift exponent %d " % bits, report):
        return bits >= 32
    # whatever has been called last
    if "stack-overflow" in report and " in erofs_iterate_dir " in report:
        return is_below_itself(number(SUPER + 112, 8) if wide else number(SUPER + 14, 2))
    return False


sys.exit(not is_known())
