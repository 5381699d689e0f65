#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make holes of the pclusters of a file, as no packer does yet.

pclusters.py zeros IMAGE NID FILE
        take the data of every extent of zeros away; FILE is what inode NID holds
pclusters.py some IMAGE NID FILE
        take that of others away, and write zeros there into FILE: one extent here and
        there, all in a range of 5 MiB, and the last

The file has to be compressed, and its extents encoded (mkfs.erofs -E48bit).  The
superblock loses its checksum.  Written from erofs_fs.h.
"""
import struct
import sys

FEATURES = 1024 + 8             # compatible ones, in the superblock
CHECKSUM, ADVISE_EXTENTS, NO_LENGTH = 1, 1, 0


def extents(image, nid, size):
    """where each extent's record is, and its first byte in the file"""
    inode = nid * 32
    layout, xattrs = struct.unpack_from("<HH", image, inode)
    header = inode + (64 if layout & 1 else 32)
    header = (header + (12 + 4 * (xattrs - 1) if xattrs else 0) + 7) // 8 * 8
    count, advise, clusters = struct.unpack_from("<IHxB", image, header)
    assert layout >> 1 & 7 == 1 and advise & ADVISE_EXTENTS, "extents are not encoded"
    record = 4 << (advise >> 1 & 3)
    assert record > 4, "pclusters follow each other: one without length would move others"
    first = (header + 8 + record - 1) // record * record
    if record >= 16:
        places = [first + i * record for i in range(count)]
        return [(at, struct.unpack_from("<I", image, at + 12)[0]) for at in places]
    cluster = 4096 << clusters
    return [(first + i * record, i * cluster) for i in range((size + cluster - 1) // cluster)]


def main(mode, name, nid, ref_name):
    with open(name, "rb") as file:
        image = bytearray(file.read())
    with open(ref_name, "rb") as file:
        ref = bytearray(file.read())
    found = extents(image, int(nid), len(ref))
    ends = [start for _, start in found[1:]] + [len(ref)]
    punched = 0
    for i, ((at, start), end) in enumerate(zip(found, ends)):
        if mode == "zeros":
            chosen = not ref[start:end].strip(b"\0")
        else:
            chosen = (i % 5 in (1, 2) or end == len(ref) or
                      start >= 2 << 20 and end <= 7 << 20)
            if chosen:
                ref[start:end] = bytes(end - start)
        if chosen:
            struct.pack_into("<I", image, at, NO_LENGTH)
            punched += 1
    assert 1 < punched < len(found), f"{punched} of {len(found)} extents"
    image[FEATURES] &= ~CHECKSUM
    for name, data in (name, image), (ref_name, ref):
        with open(name, "wb") as file:
            file.write(data)


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("zeros", "some"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
