#!/usr/bin/env python3
"""What check mode costs: CPU time and peak memory of real programs under it, as ratios to the C library's malloc.

price.py [--rounds N] [--only TEXT] [--modes "default;--thorough;--full"] [--others]
Runs are interleaved and pinned to one processor; the least CPU time of all rounds counts. The tool's own time is included.
--others: beside it, in the same rounds, valgrind with its search for leaks, libasan preloaded, and the churn built with
-fsanitize=address. What such a run exits with does not count, as long as no signal ended it.
"""
import argparse
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

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
CHURN = "std::map"
VALGRIND = ["valgrind", "-q", "--leak-check=full", "--log-file=" + os.devnull]
WITH_ASAN = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=0:log_path=" + os.devnull}


def build_churn(folder):
    """The program that has the churn, with the address sanitizer."""
    out = pathlib.Path(folder) / "workload"
    sources = sorted((ROOT / "bench/workloads").glob("*.cpp"))
    subprocess.run(["g++", "-std=c++20", "-O2", "-g", "-fsanitize=address", "-pthread", "-I", ROOT / "src", "-I", ROOT,
                    "-I", ROOT / "bench", *sources, "-o", out], check=True)
    return str(out)


def other_tools(folder):
    """name -> (command, env, row) -> (command, env), or None where the tool has nothing for the row."""
    libasan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    preload = {**WITH_ASAN, "LD_PRELOAD": os.path.realpath(libasan)}
    churn = build_churn(folder)
    return {
        "valgrind": lambda command, env, row: (VALGRIND + command, env),
        "libasan": lambda command, env, row: (command, {**env, **preload}),
        "asan build": lambda command, env, row: ([churn, *command[1:]], {**env, **WITH_ASAN}) if row == CHURN else None,
    }


def run(command, env, feed, strict=True):
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
    if int(status) < 0 or (strict and status != "0"):
        sys.exit(f"{command}: status {status}")
    return float(seconds), int(peak)


def ways(modes, others):
    """name -> (command, env, row) -> (command, env), or None where the row has no such run."""
    out = {"plain": lambda command, env, row: (command, env)}
    for mode in modes.split(";"):
        options = [] if mode == "default" else mode.split()
        prefix = [LOAM, "check", *options, "--exit-code", "0", "--output", os.devnull, "--"]
        out[mode] = lambda command, env, row, prefix=prefix: (prefix + command, env)
    return {**out, **others}


def measure(row, found, others, rounds):
    """way -> (least CPU seconds, least peak), interleaved."""
    command, env, feed = ROWS[row]
    best = {}
    for _ in range(rounds):
        for name, way in found.items():
            made = way(command, env, row)
            if made is None:
                continue
            seconds, peak = run(*made, feed, strict=name not in others)
            least = best.get(name, (seconds, peak))
            best[name] = (min(seconds, least[0]), min(peak, least[1]))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--modes", default="default")
    parser.add_argument("--others", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        others = other_tools(folder) if arguments.others else {}
        found = ways(arguments.modes, others)
        ratios = {name: [] for name in found}
        for row in (row for row in ROWS if arguments.only in row):
            best = measure(row, found, others, arguments.rounds)
            plain = best["plain"]
            for name, (seconds, peak) in best.items():
                ratios[name].append(seconds / plain[0])
                above = name not in others and peak > LIMIT_RATIO * plain[1] + LIMIT_MORE
                print(f"{row:10} {name:12} {seconds:7.3f} s {seconds / plain[0]:6.2f}   {peak / 2**20:7.1f} MiB "
                      f"{peak / plain[1]:6.2f}{'  above the limit' if above else ''}", flush=True)
    for name, values in ratios.items():
        if values:
            print(f"geomean {name:12} {math.exp(sum(map(math.log, values)) / len(values)):.3f}  worst {max(values):.2f}")


if __name__ == "__main__":
    main()
