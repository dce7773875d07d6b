#!/usr/bin/env python3
"""What check mode costs: CPU time and peak memory of real programs under it, as ratios to the C library's malloc.

price.py [--rounds N] [--only TEXT] [--modes "default;--thorough;--full"]
Runs are interleaved and pinned to one processor; the least CPU time of all rounds counts. The tool's own time is included.
"""
import argparse
import math
import os
import pathlib
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench/programs"
LOAM = os.environ.get("LOAM_BIN", str(ROOT / "build/bin/loam"))
WORKLOAD = str(ROOT / "build/libexec/loam/loam-workload")
ROWS = {
    "python3": (["/usr/bin/python3", str(BENCH / "objects.py")], {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}, None),
    "lua5.4": (["/usr/bin/lua5.4", str(BENCH / "tables.lua")], {}, None),
    "perl": (["/usr/bin/perl", str(BENCH / "records.pl")], {"PERL_HASH_SEED": "0"}, None),
    "sqlite3": (["/usr/bin/sqlite3", "-batch", "-init", "/dev/null", ":memory:"], {}, BENCH / "shop.sql"),
    "std::map": ([WORKLOAD, "tree"], {}, None),
}
LIMIT_RATIO, LIMIT_MORE = 1.5, 64 << 20


def run(command, env, feed):
    """(CPU seconds, peak bytes) of the command and all its children."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {1})
        with open(feed or os.devnull, "rb") as source:
            done = subprocess.run(command, env={**os.environ, **env}, stdin=source, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(writing, f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss * 1024} {done.returncode}".encode())
        os._exit(0)
    os.close(writing)
    text = os.read(reading, 100).decode()
    os.close(reading)
    os.waitpid(child, 0)
    seconds, peak, status = text.split()
    if status != "0":
        sys.exit(f"{command}: status {status}")
    return float(seconds), int(peak)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--modes", default="default")
    arguments = parser.parse_args()
    modes = {"plain": None, **{mode: [] if mode == "default" else mode.split() for mode in arguments.modes.split(";")}}
    ratios = {mode: [] for mode in modes}
    for name, (command, env, feed) in ROWS.items():
        if arguments.only not in name:
            continue
        best = {}
        for _ in range(arguments.rounds):
            for mode, options in modes.items():
                prefix = [] if options is None else [LOAM, "check", *options, "--exit-code", "0", "--output", os.devnull, "--"]
                seconds, peak = run(prefix + command, env, feed)
                least = best.get(mode, (seconds, peak))
                best[mode] = (min(seconds, least[0]), min(peak, least[1]))
        plain = best["plain"]
        for mode, (seconds, peak) in best.items():
            ratios[mode].append(seconds / plain[0])
            within = "" if peak <= LIMIT_RATIO * plain[1] + LIMIT_MORE else "  above the limit"
            print(f"{name:10} {mode:12} {seconds:7.3f} s {seconds / plain[0]:6.2f}   {peak / 2**20:7.1f} MiB "
                  f"{peak / plain[1]:6.2f}{within}", flush=True)
    for mode, values in ratios.items():
        if values:
            print(f"geomean {mode:12} {math.exp(sum(map(math.log, values)) / len(values)):.3f}  worst {max(values):.2f}")


if __name__ == "__main__":
    main()
