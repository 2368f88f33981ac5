#!/usr/bin/env python3
"""Puts of two trees beside each other, A B A B: medians and their ratio.

    ab.py --rounds 5 old=PROGRAM new=PROGRAM [--what random,ascending,batch,waits] [--dir DIR]

PROGRAM is dolmen-peers-puts of each tree: `cargo build --release` here; for a tree that has no `Db::put` copy this folder to the same
place in it and build with `--no-default-features`. CPU time is that of the calling thread; of `waits` only the clock says anything, so a loaded machine
is seen in both columns.
"""
import argparse, json, statistics, subprocess

def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("programs", nargs="+", metavar="NAME=PROGRAM")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--what", default="random,ascending,batch,waits")
    options.add_argument("--dir", default="/tmp")
    given = options.parse_args()
    programs = dict(text.split("=", 1) for text in given.programs)
    for what in given.what.split(","):
        found = {}
        for _ in range(given.rounds):
            for name, program in programs.items():
                line = subprocess.run([program, what, given.dir], capture_output=True, text=True, check=True).stdout
                for field, value in json.loads(line).items():
                    if field != "what":
                        found.setdefault((field, name), []).append(value)
        for field in dict.fromkeys(field for field, _ in found):
            first, row = None, [f"{what:9} {field:11}"]
            for name in programs:
                values = found[field, name]
                median = statistics.median(values)
                first = median if first is None else first
                ratio = f" {median / first:5.2f}x" if first else ""
                row.append(f"{name}: {median:9.2f} ({min(values):.2f}-{max(values):.2f}){ratio}")
            print("   ".join(row), flush=True)

main()
