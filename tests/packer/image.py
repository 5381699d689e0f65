#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A naive reader of the images that mkfs.erofs --sparse writes.

image.py map IMAGE NAME         print "page block" for each page with content, or
                                "page device:block"
image.py page IMAGE NAME PAGE   print where one page is, or "hole"
image.py compare IMAGE NAME FILE [PAGES]
                                FILE is NAME in the root of IMAGE; its map is
                                what looking at page after page would make it,
                                or at one chunk of PAGES after the other
image.py chunks IMAGE NAME      print the size of a chunk in pages, and how many there are
image.py fingerprint IMAGE NAME print the fingerprint's label and digest
image.py xattrs IMAGE /         print each entry of each inode as it is found in the
                                image: path, name joined from its parts, value in
                                hexadecimal
image.py declared IMAGE /       print under which name it declares fingerprints

Written from erofs_fs.h, and from nothing that the packer uses.
"""
import struct
import sys

PAGE = 4096
HOLE = 0xffffffff
BASES = {0: "", 1: "user.", 4: "trusted.", 6: "security."}


class Image:
    def __init__(self, path):
        self.file = open(path, "rb")
        sb = self.read(1024, 128)
        assert struct.unpack_from("<I", sb, 0)[0] == 0xE0F5E1E2, "magic"
        self.block = 1 << sb[12]
        self.root = struct.unpack_from("<H", sb, 14)[0]
        self.meta = struct.unpack_from("<I", sb, 40)[0] * self.block
        self.shared = struct.unpack_from("<I", sb, 44)[0] * self.block
        self.prefixes = []
        pos = struct.unpack_from("<I", sb, 92)[0] * 4
        for _ in range(sb[91]):
            size = struct.unpack("<H", self.read(pos, 2))[0]
            prefix = self.read(pos + 2, size)
            self.prefixes.append(BASES[prefix[0]] + prefix[1:].decode())
            pos += (2 + size + 3) // 4 * 4
        features = struct.unpack_from("<I", sb, 8)[0]
        self.declared = self.prefixes[sb[105]] if features & 0x20 else "none"

    def read(self, pos, size):
        self.file.seek(pos)
        return self.file.read(size)

    def inode(self, nid):
        """size, data layout, word of the layout, where xattrs are, where they end"""
        pos = self.meta + nid * 32
        fmt, icount, _, _ = struct.unpack("<HHHH", self.read(pos, 8))
        if fmt & 1:
            size, word = struct.unpack("<QI", self.read(pos + 8, 12))
            xattrs = pos + 64
        else:
            size, _, word = struct.unpack("<III", self.read(pos + 8, 12))
            xattrs = pos + 32
        end = xattrs + (12 + 4 * (icount - 1) if icount else 0)
        return size, fmt >> 1 & 7, word, xattrs, end

    def names(self, nid):
        """the entries of a directory: name to nid"""
        size, layout, word, _, end = self.inode(nid)
        blocks = (size + self.block - 1) // self.block
        found = {}
        for i in range(blocks):
            length = min(self.block, size - i * self.block)
            inline = layout == 2 and i == blocks - 1
            data = self.read(end if inline else (word + i) * self.block, length)
            count = struct.unpack_from("<H", data, 8)[0] // 12
            offsets = [struct.unpack_from("<QH", data, j * 12) for j in range(count)]
            for j, (child, start) in enumerate(offsets):
                stop = offsets[j + 1][1] if j + 1 < count else length
                found[data[start:stop].rstrip(b"\0").decode()] = child
        return found

    def lookup(self, name):
        return self.inode(self.names(self.root)[name])

    def map(self, name):
        size, layout, word, _, end = self.lookup(name)
        assert layout == 4 and word & 0x40 == 0, "chunks"
        assert self.block == PAGE, "blocks of 4 KiB"
        pages = (size + PAGE - 1) // PAGE
        chunk = 1 << (word & 0x1f)
        count = (pages + chunk - 1) // chunk
        addresses = []
        for device, first in self.entries(word, end, count):
            length = min(chunk, pages - len(addresses))
            addresses += ([HOLE] * length if first == HOLE else
                          ["%d:%d" % (device, first + i) for i in range(length)]
                          if device else range(first, first + length))
        return size, addresses

    def entries(self, word, pos, count):
        """device and block of each chunk"""
        if not word & 0x20:
            return [(0, first) for first in
                    struct.unpack("<%dI" % count, self.read(pos, count * 4))]
        pos = (pos + 7) // 8 * 8
        return [struct.unpack("<2xHI", self.read(pos + i * 8, 8))
                for i in range(count)]

    def page(self, name, number):
        """where one page is: of a file whose map is too large to be read"""
        size, layout, word, _, end = self.lookup(name)
        assert layout == 4 and word & 0x40 == 0 and number * PAGE < size
        unit = 8 if word & 0x20 else 4
        pos = (end + unit - 1) // unit * unit + (number >> (word & 0x1f)) * unit
        device, first = struct.unpack("<2xHI", (bytes(4) + self.read(pos, unit))[-8:])
        if first == HOLE:
            return "hole"
        return "%d:%d" % (device, first + (number & (1 << (word & 0x1f)) - 1))

    def fingerprint(self, name):
        _, _, _, pos, end = self.lookup(name)
        pos += 12
        while pos < end:
            length, index, size = struct.unpack("<BBH", self.read(pos, 4))
            if index & 0x80 and not length:
                value = self.read(pos + 4, size)
                label, digest = value[:-32], value[-32:]
                return label.decode() + digest.hex()
            pos += (4 + length + size + 3) // 4 * 4
        return "none"

    def paths(self, nid, path):
        """all inodes from this one down"""
        yield path, nid
        mode = struct.unpack("<H", self.read(self.meta + nid * 32 + 4, 2))[0]
        if mode & 0xf000 == 0x4000:
            for name, child in self.names(nid).items():
                if name not in (".", ".."):
                    yield from self.paths(child, path.rstrip("/") + "/" + name)

    def xattrs(self, nid):
        """the entries of an inode, those in it before those that it shares"""
        _, _, _, pos, end = self.inode(nid)
        if pos == end:
            return
        count = self.read(pos, 5)[4]
        shared = struct.unpack("<%dI" % count, self.read(pos + 12, 4 * count))
        pos += 12 + 4 * count
        while pos < end:
            size, name, value = self.entry(pos)
            yield name, value
            pos += size
        for start in shared:
            yield self.entry(self.shared + start * 4)[1:]

    def entry(self, pos):
        length, index, size = struct.unpack("<BBH", self.read(pos, 4))
        prefix = self.prefixes[index & 0x7f] if index & 0x80 else BASES[index]
        name = self.read(pos + 4, length).decode("latin-1")
        value = self.read(pos + 4 + length, size)
        return (4 + length + size + 3) // 4 * 4, prefix + name, value


def compare(image, name, path, pages):
    size, addresses = image.map(name)
    seen = {}
    following = start = min([a for a in addresses if a != HOLE], default=0)
    with open(path, "rb") as f:
        for number in range(0, len(addresses), pages):
            count = min(pages, len(addresses) - number)
            chunk = f.read(count * PAGE).ljust(count * PAGE, b"\0")
            if not any(chunk):
                want = [HOLE] * count
            else:
                if chunk not in seen:
                    seen[chunk] = following
                    following += count
                want = list(range(seen[chunk], seen[chunk] + count))
            assert addresses[number:number + count] == want, (
                "the chunk of page %d is not in block %d" % (number, want[0]))
            if want[0] != HOLE:
                assert image.read(want[0] * PAGE, count * PAGE) == chunk, (
                    "content of page %d" % number)
        assert f.tell() == size, "size"
    print("%d pages, %d stored" % (len(addresses), following - start))


def main():
    command, image, name = sys.argv[1], Image(sys.argv[2]), sys.argv[3]
    if command == "map":
        for number, address in enumerate(image.map(name)[1]):
            if address != HOLE:
                print(number, address)
    elif command == "page":
        print(image.page(name, int(sys.argv[4])))
    elif command == "chunks":
        size, _, word, _, _ = image.lookup(name)
        chunk = PAGE << (word & 0x1f)
        print(chunk // PAGE, (size + chunk - 1) // chunk)
    elif command == "compare":
        compare(image, name, sys.argv[4], int((sys.argv[5:] or [1])[0]))
    elif command == "xattrs":
        for path, nid in image.paths(image.root, "/"):
            for key, value in image.xattrs(nid):
                print(path, key, value.hex())
    elif command == "declared":
        print(image.declared)
    elif command == "fingerprint":
        print(image.fingerprint(name))


main()
