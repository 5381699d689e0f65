#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""table.py [OPTION]... MEASURES - print what a benchmark measured.

MEASURES has lines "WHICH ROW VALUE...", a value for each run; several of one WHICH and
ROW add up.  Standard input says what to print: a line "ROW TITLE" for each row, in
order, and "# TEXT" for headings.  All that were measured for a row are shown, Debian's
module ("stock") first and what is ours next: least, median and most of the runs, their
number, and the median as a multiple of another's.

A figure of ours that is more than 2 % above that of the first of --of has to be
explained: tests/bench/explained has the sentence, or it is called unexplained.

--bench NAME      what the rows are called by in tests/bench/explained
--title TEXT      what the figures are
--of WHICH,...    those to compare with (default: stock)
--template DIR    a template that was used: its recipe and hash are printed, too
--csv FILE        where all figures go
"""
import argparse
import fnmatch
import hashlib
import json
import os
import sys
from statistics import median

MORE = 1.02


def read_measures(path):
    """{row: {which: [value, ...]}}"""
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            which, row, *values = line.split()
            rows.setdefault(row, {}).setdefault(which, []).extend(map(float, values))
    return rows


def read_explanations():
    """[(pattern of NAME/ROW/WHICH, sentence), ...]"""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "explained")
    with open(path, encoding="utf-8") as lines:
        return [tuple(line.strip().split(": ", 1)) for line in lines
                if line.strip() and not line.startswith("#")]


def place(which):
    """of a figure in its row"""
    return (which != "stock", not which.startswith("ours"), which)


def figure(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 20 else f"{value:.3f}"


def recipe(directory):
    """what a template was made with, and what has come out"""
    with open(os.path.join(directory, "template.json"), encoding="utf-8") as f:
        made = json.load(f)
    digest = hashlib.sha256()
    with open(os.path.join(directory, "ram.img"), "rb") as ram:
        while block := ram.read(1 << 20):
            digest.update(block)
    return (f"{made['memory'] >> 20} MiB, {made['workload']}, Linux {made['kernel']}, "
            f"{made['cpus']} CPUs, QEMU {made['qemu']}, sha256 {digest.hexdigest()}")


def why_more(name, ours, other, explanations):
    """The sentence that a figure of ours owes, as it is more than the other."""
    for pattern, sentence in explanations:
        if fnmatch.fnmatchcase(name, pattern):
            return sentence
    overlap = min(ours) <= max(other)
    return "unexplained" + (", but the runs overlap" if overlap and len(ours) > 1 else "")


def print_row(title, figures, args, explanations, row):
    bases = [base for base in args.of.split(",") if base in figures]
    for which in sorted(figures, key=place):
        values = figures[which]
        ratios = ", ".join(f"{median(values) / median(figures[base]):.3f} of {base}"
                           for base in bases if base != which and median(figures[base]))
        print(f"{title:36} {which:18} {figure(min(values)):>11} {figure(median(values)):>11} "
              f"{figure(max(values)):>11} {len(values):5}  {ratios}".rstrip())
        title = ""
        if (bases and which != bases[0] and which.startswith("ours") and
                median(values) > MORE * median(figures[bases[0]])):
            print(f"{'':36}   more than {bases[0]}: " +
                  why_more(f"{args.bench}/{row}/{which}", values, figures[bases[0]], explanations))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--bench", "--title", "--csv"):
        parser.add_argument(option, required=True)
    parser.add_argument("--of", default="stock")
    parser.add_argument("--template", action="append", default=[])
    parser.add_argument("measures")
    args = parser.parse_args()
    rows, explanations = read_measures(args.measures), read_explanations()

    print(f"\n{args.title}")
    recipes = [f"{os.path.basename(path)}: {recipe(path)}" for path in args.template]
    for text in recipes:
        print(f"template {text}")
    print(f"\n{'':36} {'':18} {'least':>11} {'median':>11} {'most':>11} {'runs':>5}")
    row = None
    for line in sys.stdin:
        before, (row, _, title) = row, line.strip().partition(" ")
        if row == "#":
            print(title if before == "#" else f"\n{title}")
        elif row in rows:
            print_row(title, rows[row], args, explanations, row)

    with open(args.csv, "w", encoding="utf-8") as out:
        print("# " + "; ".join([args.title] + recipes), file=out)
        for row, figures in rows.items():
            for which in sorted(figures, key=place):
                print(row, which, *figures[which], sep=",", file=out)


if __name__ == "__main__":
    main()
