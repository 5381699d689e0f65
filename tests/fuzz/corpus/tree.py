#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""tree.py DIR - make a small tree that has one of each: files that compress well, badly
and not at all, holes of all lengths, equal files, ends that are no whole blocks, symbolic
links of both kinds, a directory of several blocks, xattrs that are shared, large and
many.  It is the same whenever and wherever it is made."""
import os
import sys

PAGE = 4096


class Noise:
    """bytes that do not compress: splitmix64, as tests/fuzz/damage.c has it"""

    def __init__(self, seed):
        self.state = seed

    def number(self):
        self.state = self.state + 0x9e3779b97f4a7c15 & (1 << 64) - 1
        n = self.state
        n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9 & (1 << 64) - 1
        n = (n ^ n >> 27) * 0x94d049bb133111eb & (1 << 64) - 1
        return n ^ n >> 31

    def bytes(self, count):
        words = (self.number().to_bytes(8, "little") for _ in range((count + 7) // 8))
        return b"".join(words)[:count]


def text(first, count):
    return b"".join(b"line %d of a text that compresses\n" % i
                    for i in range(first, first + count))


def main(top):
    def put(name, content):
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    noise = Noise(1)
    put("text", text(0, 1200))
    put("again", text(0, 1200))
    put("almost", text(0, 1199) + text(7, 1))
    put("noise", noise.bytes(5 * PAGE + 1))
    put("mixed", text(0, 300) + noise.bytes(9000) + text(300, 900) + bytes(20000) +
        noise.bytes(5000) + text(0, 300))
    put("short", b"short\n" * 60)
    put("empty", b"")
    put("script", b"#!/bin/true\n" + text(0, 20))
    os.chmod(os.path.join(top, "script"), 0o755)
    os.symlink("short", os.path.join(top, "link"))
    os.symlink("a/rather/long/way/to/nowhere/" * 100, os.path.join(top, "long-link"))

    path = put("holes", b"")
    with open(path, "r+b") as file:
        for page in (0, 1, 5, 17, 18, 19, 40, 63, 64, 127):
            file.seek(page * PAGE)
            file.write(b"page %d" % page + noise.bytes(PAGE - 100))
        file.truncate(150 * PAGE + 77)

    put("dir/deep/file", text(50, 200))
    for i in range(150):
        os.link(os.path.join(top, "short"),
                os.path.join(top, "dir", "a-name-that-takes-its-place-%03d" % i))

    for name in ("text", "again", "short", "dir"):
        os.setxattr(os.path.join(top, name), "user.shared", b"by several" * 4)
    os.setxattr(os.path.join(top, "holes"), "user.large", noise.bytes(3000))
    os.setxattr(os.path.join(top, "noise"), "trusted.overlay.opaque", b"y")
    for i in range(12):
        os.setxattr(os.path.join(top, "mixed"), "user.number-%d" % i, b"%d" % i * i)


main(sys.argv[1])
