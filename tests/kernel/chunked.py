#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A naive writer of images with one chunk-based file, ram.img.

chunked.py sample TEMPLATE FILE
        make FILE of pages of a template: long and short holes, pages that are
        partly zeros, and an end that is no whole page
chunked.py image FILE IMAGE BLOCK CHUNK [DEVICE]
        pack FILE with these sizes in bytes.  Chunks of zeros are holes.  With
        DEVICE the data is there, and the chunk index has entries of 8 bytes.
chunked.py pages FILE CHUNK
        print how many pages overlap a chunk that is no hole

Written from erofs_fs.h: neither a packer of ours nor upstream's is in the way of
chunks and blocks of any size.
"""
import struct
import sys

PAGE = 4096
HOLE = 0xffffffff
SB, SLOT, ROOT, FILE = 1024, 1152, 1536, 4096   # where things are in the image
CHUNKED, DEVICE_TABLE = 4, 8                    # incompatible features
INDEXES = 0x20                                  # in the chunk format


def sample(template, name):
    wanted, pages = 1200, []
    with open(template, "rb") as ram:
        while len(pages) < wanted:
            page = ram.read(PAGE)
            if not page:
                sys.exit("the template has too little data")
            if page[:512].strip(b"\0") and page[-512:].strip(b"\0"):
                pages.append(page)
    data = iter(pages)
    zeros = bytes(PAGE)

    def take(pattern):
        return b"".join(zeros if kind == "h" else next(data) for kind in pattern)

    def mixed(*sectors):
        page = bytearray(next(data))
        for sector in sectors:
            page[sector * 512:sector * 512 + 512] = bytes(512)
        return bytes(page)

    with open(name, "wb") as out:
        out.write(take("h" * 20 + "d" * 20 + "h" * 20 + "hhhhdhhhh" * 4))
        # zeros in parts of pages: at the start, the end, across a border, by turns
        out.write(take("dddd") + mixed(3) + mixed(0) + mixed(7) + mixed(0, 1) +
                  mixed(1, 3, 5, 7) + take("hhhh") + mixed(*range(4)) +
                  take("hhhh") + mixed(*range(4, 8)) + take("dddd"))
        out.write(take("ddddhdddd" * 4 + "d" * 64))
        out.write(bytes(-out.tell() % (2 << 20)))
        out.write(bytes(4 << 20))
        out.write(take("d" * 512))
        out.write(take("h" * 256 + "dhdd" * 64))
        out.write(take("hhddhd") + next(data)[:700])


def directory(names):
    heads, tail = b"", b""
    for name, nid, kind in names:
        heads += struct.pack("<QHBB", nid, 12 * len(names) + len(tail), kind, 0)
        tail += name
    return heads + tail


def image(source, name, block, chunk, device):
    with open(source, "rb") as file:
        ram = file.read()
    unit = 8 if device else 4
    chunks = [ram[i:i + chunk] for i in range(0, len(ram), chunk)]
    bits = block.bit_length() - 1

    start = FILE + 64 + len(chunks) * unit
    root_block = (start + block - 1) // block
    names = directory([(b".", ROOT // 32, 2), (b"..", ROOT // 32, 2),
                       (b"ram.img", FILE // 32, 1)])
    # data is aligned to pages, which spares nobody anything
    first = ((root_block + 1) * block + PAGE - 1) // PAGE * PAGE
    data, index = bytearray(), b""
    base = 0 if device else first
    for piece in chunks:
        address = HOLE
        if piece.strip(b"\0"):
            address = (base + len(data)) // block
            data += piece + bytes(-len(piece) % block)
        if device:
            index += struct.pack("<HHI", 0, 1 if address != HOLE else 0, address)
        else:
            index += struct.pack("<I", address)

    out = bytearray(first)

    def put(pos, layout, *values):
        struct.pack_into(layout, out, pos, *values)

    put(SB, "<IIIBBHQQIIII", 0xE0F5E1E2, 0, 0, bits, 0, ROOT // 32, 2, 0, 0,
        (first + (0 if device else len(data))) // block, 0, 0)
    put(SB + 80, "<IHHH", CHUNKED | (DEVICE_TABLE if device else 0), 0,
        1 if device else 0, SLOT // 128)
    if device:
        put(SLOT, "<64sII", b"data", len(data) // block, 0)
    # compact, plain; extended, chunk-based
    put(ROOT, "<HHHHIIIIHHI", 0, 0, 0o40755, 2, len(names), 0, root_block, 1, 0, 0, 0)
    put(FILE, "<HHHHQIIIIQII", 1 | 4 << 1, 0, 0o100644, 0, len(ram),
        chunk.bit_length() - 1 - bits | (INDEXES if device else 0), 2, 0, 0, 0, 0, 1)
    out[FILE + 64:start] = index
    out[root_block * block:root_block * block + len(names)] = names
    with open(name, "wb") as file:
        file.write(out)
        if not device:
            file.write(data)
    if device:
        with open(device, "wb") as file:
            file.write(data)


def pages(source, chunk):
    with open(source, "rb") as file:
        ram = file.read()
    found = set()
    for at in range(0, len(ram), chunk):
        if ram[at:at + chunk].strip(b"\0"):
            end = min(at + chunk, len(ram))
            found.update(range(at // PAGE, (end + PAGE - 1) // PAGE))
    print(len(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["sample"] and len(sys.argv) == 4:
        sample(*sys.argv[2:])
    elif sys.argv[1:2] == ["image"] and len(sys.argv) in (6, 7):
        image(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]),
              sys.argv[6] if len(sys.argv) == 7 else None)
    elif sys.argv[1:2] == ["pages"] and len(sys.argv) == 4:
        pages(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(__doc__)
