#!/usr/bin/env python3
"""Bytes an event on disk: bytes.py BUILD. Records five programs with stacks, the children of g++ included, and prints the geometric mean."""
import math
import pathlib
import re
import subprocess
import sys
import tempfile

LOAM = pathlib.Path(sys.argv[1]).resolve() / "bin/loam"
HERE = pathlib.Path(__file__).resolve().parent.parent / "programs"
PROGRAMS = {
    "python3": (["env", "PYTHONMALLOC=malloc", "PYTHONHASHSEED=0", "/usr/bin/python3", HERE / "objects.py"], None),
    "perl": (["env", "PERL_HASH_SEED=0", "/usr/bin/perl", HERE / "records.pl"], None),
    "lua5.4": (["/usr/bin/lua5.4", HERE / "tables.lua"], None),
    "sqlite3": (["/usr/bin/sqlite3", "-batch", "-init", "/dev/null", ":memory:"], HERE / "shop.sql"),
    "g++": (["/usr/bin/g++", "-O1", "-std=c++20", "-c", HERE / "heavy.cpp", "-o", "/dev/null"], None),
}


def main():
    logs = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (command, script) in PROGRAMS.items():
            with open(script or "/dev/null", encoding="utf-8") as text:
                done = subprocess.run(list(map(str, [LOAM, "record", "--output", f"{folder}/{name}.loam", "--", *command])), stdin=text,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
            events = sum(int(each.replace(",", "")) for each in re.findall(r"([0-9,]+) events of", done.stderr))
            size = sum(file.stat().st_size for file in pathlib.Path(folder).glob(f"{name}.loam*"))
            print(f"{name:10} {events:12,} events {size:12,} bytes {size / events:6.2f} bytes an event", flush=True)
            logs += math.log(size / events)
    print(f"geometric mean {math.exp(logs / len(PROGRAMS)):.2f}")


if __name__ == "__main__":
    main()
