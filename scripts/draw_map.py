#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""draw_map.py: what "dump.erofs --map" prints, as a table and as a picture.

    dump.erofs --path=/FILE --map IMAGE | scripts/draw_map.py [--svg PICTURE]
"""
import argparse
import json
import sys
from html import escape

PAGE = 4096
INK, MUTED, GRID = "#1f2933", "#52606d", "#d9dfe5"
# from bottom to top: what a run of pages has of the topmost is what is seen
HOLE, BASE, DATA = range(3)
KINDS = (("hole", "#eef1f4"), ("in another device", "#d9a441"), ("data", "#0f766e"))


def text(x, y, s, anchor="start", size=12, colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{colour}" font-weight="{weight}">{escape(s)}</text>')


def text_width(s, size=12, weight="normal"):
    """What a text takes at most in DejaVu Sans, the widest of the usual fonts, if it is
    not all capitals."""
    return len(s) * size * (0.7 if weight == "bold" else 0.64)


def svg(width, height, title, body):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" font-family="sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height}" fill="white"/>', *body, "</svg>\n"])


class MemoryMap:
    """Memory from address 0 on, a cell for a run of pages."""
    COLUMNS, ROWS, CELL, LEFT, TOP = 128, 64, 6, 24, 64

    def __init__(self, size, kinds):
        """kinds: (name, colour), as above"""
        self.size, self.kinds = size, kinds
        self.step = PAGE * max(1, -(-size // (PAGE * self.COLUMNS * self.ROWS)))
        self.cells = [[0] * len(kinds) for _ in range(-(-size // self.step))]

    def add(self, start, length, kind):
        while length:
            cell = start // self.step
            part = min(length, (cell + 1) * self.step - start)
            self.cells[cell][kind] += part
            start += part
            length -= part

    def draw(self, title):
        cell, left, top = self.CELL, self.LEFT, self.TOP
        body = [text(left, 28, title, size=16, weight="bold")]
        legend = left
        for kind in reversed(range(len(self.kinds))):
            name, colour = self.kinds[kind]
            share = sum(c[kind] for c in self.cells) / max(1, self.size)
            body.append(f'<rect x="{legend}" y="40" width="11" height="11" '
                        f'fill="{colour}" stroke="{GRID}"/>')
            label = f"{name}, {100 * share:.1f} %"
            body.append(text(legend + 16, 50, label, colour=MUTED))
            legend += 30 + text_width(label)
        rows = -(-len(self.cells) // self.COLUMNS)
        body.append(f'<rect x="{left}" y="{top}" width="{self.COLUMNS * cell}" '
                    f'height="{rows * cell}" fill="{self.kinds[0][1]}"/>')
        for i, part in enumerate(self.cells):
            kind = max(k for k in range(len(part)) if part[k] or not k)
            if kind:
                opacity = 0.35 + 0.65 * part[kind] / sum(part)
                body.append(f'<rect x="{left + i % self.COLUMNS * cell}" '
                            f'y="{top + i // self.COLUMNS * cell}" width="{cell - 1}" '
                            f'height="{cell - 1}" fill="{self.kinds[kind][1]}" '
                            f'fill-opacity="{opacity:.2f}"/>')
        height = top + rows * cell + 30
        body.append(text(left, height - 10, f"from address 0, left to right; a cell is "
                         f"{self.step // 1024} KiB, darker where more of it is data",
                         colour=MUTED))
        width = max(left * 2 + self.COLUMNS * cell, legend,
                    left + text_width(title, 16, "bold") + 10)
        return svg(width, height, title, body)


def read_map(lines):
    """Of a map the object without its extents, how many there are of each kind and class
    (log2 of the pages), and the picture.  They come a line each, and none is kept."""
    head = ""
    for line in lines:
        head += line
        if line.endswith('"extents": [\n'):
            break
    info = json.loads(head + "]}")
    picture = MemoryMap(info["size"], KINDS)
    classes = {}
    for line in lines:
        if line == "  ],\n":
            break
        extent = json.loads(line.rstrip(",\n"))
        length, hole = extent["length"], extent["kind"] == "hole"
        picture.add(extent["offset"], length,
                    HOLE if hole else BASE if extent["device"] else DATA)
        of = classes.setdefault(max(1, -(-length // PAGE)).bit_length() - 1, [0, 0])
        of[hole] += 1
    info.update(json.loads("{" + "".join(lines)))
    return info, classes, picture


def print_map(info, classes):
    print(f"{'':<6}{'bytes':>16} {'share':>8} {'extents':>12}")
    for kind in ("data", "hole"):
        of = info["total"][kind]
        print(f"{kind:<6}{of['bytes']:>16} {100 * of['bytes'] / max(1, info['size']):>6.1f} % "
              f"{of['extents']:>12}")
    print(f"\n{'extents of KiB':<21} {'data':>8} {'hole':>12}")
    for n, of in sorted(classes.items()):
        print(f"{4 << n:>9} ..{(8 << n) - 1:>9} {of[0]:>8} {of[1]:>12}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", metavar="PICTURE", help="draw it into this file")
    args = parser.parse_args()
    try:
        info, classes, picture = read_map(iter(sys.stdin))
    except (KeyError, ValueError):
        sys.exit("draw_map.py: error: standard input is no map, or not all of one: "
                 "it has to be what 'dump.erofs --map' prints")
    print_map(info, classes)
    if args.svg:
        name = info["path"] or f"nid {info['nid']}"
        title = "".join(c if c.isprintable() else "?" for c in name)
        try:
            with open(args.svg, "w", encoding="utf-8") as f:
                f.write(picture.draw(f"{title}, {info['size']:,} bytes"))
        except OSError as e:
            sys.exit(f"draw_map.py: error: could not write '{args.svg}': {e.strerror}")


if __name__ == "__main__":
    main()
