#!/usr/bin/env python3
"""What recording costs a program: price.py BUILD [RUNS [PROGRAM]]. Runs take turns; heaptrack runs beside if it is there.

Prints for each program and way to run it: the least processor time of the program itself, its least wall, what that is an event more than under
loam's malloc alone (heaptrack: under glibc's), the drainer's processor time, and the bytes an event of the file. Behind each stands the median of what
the runs of one round differ by: a processor whose speed changes between rounds makes least times of different rounds differ, not these.
"""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
LOAM = BUILD / "bin/loam"
HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {"churn": [BUILD / "bench/record-churn"], "python3": ["/usr/bin/python3", HERE / "loop.py"]}
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1}


def run(words, **environment):
    done = subprocess.run(list(map(str, words)), env={**os.environ, "PYTHONMALLOC": "malloc", **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    cpu, wall = map(float, re.search(r"cpu ([0-9.]+) wall ([0-9.]+)", done.stdout).groups())
    return cpu, wall, done.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "out")
        record = [LOAM, "record", "--output", file]
        for name, program in PROGRAMS.items():
            if len(sys.argv) > 3 and name != sys.argv[3]:
                continue
            ways = {"loam's malloc": lambda p=program: run(p, LD_PRELOAD=str(BUILD / "lib/libloam.so")),
                    "recorded, no stacks": lambda p=program: run([*record, "--no-stacks", "--", *p]),
                    "recorded, stacks": lambda p=program: run([*record, "--", *p])}
            if shutil.which("heaptrack"):
                ways["glibc's malloc"] = lambda p=program: run(p)
                ways["heaptrack"] = lambda p=program: run(["heaptrack", "-o", file + ".ht", *p])
            best, rounds = {}, {way: [] for way in ways}
            for _ in range(RUNS):
                for way, start in ways.items():
                    cpu, wall, text = start()
                    rounds[way].append((cpu, wall))
                    before = best.get(way, (9e9, 9e9, ""))
                    best[way] = (min(cpu, before[0]), min(wall, before[1]), text)
            events = int(re.search(r"([0-9,]+) events of", best["recorded, stacks"][2])[1].replace(",", ""))
            print(f"{name}: {events:,} events")
            for way, (cpu, wall, text) in best.items():
                beside = "glibc's malloc" if way == "heaptrack" else "loam's malloc"
                plain = best[beside]
                pairs = list(zip(rounds[way], rounds[beside]))
                line = f"  {way:20} {cpu:6.2f} s cpu {wall:6.2f} s wall"
                if cpu != plain[0]:
                    line += f"  {(cpu - plain[0]) / events * 1e9:4.0f} ns an event, {wall / plain[1]:.2f} x the wall"
                    line += f" ({statistics.median((a[0] - b[0]) / events * 1e9 for a, b in pairs):.0f} ns,"
                    line += f" {statistics.median(a[1] / b[1] for a, b in pairs):.2f} x)"
                drain = re.search(r"draining took ([0-9.]+) (\S+) of", text)
                if drain:
                    line += f", drainer {float(drain[1]) * UNITS[drain[2]]:.2f} s"
                    line += f", {re.search(r'([0-9.]+) bytes each', text)[1]} bytes an event"
                print(line, flush=True)


if __name__ == "__main__":
    main()
