#!/usr/bin/env python3
"""How much of a program's CPU time a malloc can change at all: samples (perf, cpu-clock) of each program of bench/rows.json
under loam, split into the library, the kernel's page faults and memory calls, and the program itself.

share.py [--only TEXT] [--library FILE] [--frequency HERTZ]
The last column is what would be left of the time if allocation took none and no page were touched for the first time: no
malloc can be below it, for a program's own accesses cost what they cost. Needs perf (Debian: linux-perf), and inputs that
`loam bench` has made before. Servers are left out: their row needs a client.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "loam/bench"
FAULT = ("asm_exc_page_fault", "exc_page_fault", "do_user_addr_fault", "handle_mm_fault", "clear_page", "do_anonymous_page",
         "__x64_sys_munmap", "__x64_sys_madvise", "__x64_sys_mmap", "__x64_sys_brk", "__x64_sys_mremap", "do_exit")


def command_of(row):
    cc1plus = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True).stdout.strip()
    names = {"{bench}": str(BENCH), "{cache}": str(CACHE), "{cc1plus}": cc1plus}

    def fill(text):
        for name, value in names.items():
            text = text.replace(name, value)
        return text
    return [fill(word) for word in row["command"]], fill(row["input"]) if "input" in row else os.devnull


def samples(row, library, frequency):
    """(all samples, in the library, in the kernel for memory) of one run."""
    command, feed = command_of(row)
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        env = {"PATH": "/usr/bin:/bin", "HOME": folder, "LC_ALL": "C", **row.get("environment", {})}
        with open(feed, "rb") as source:
            done = subprocess.run(
                ["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", str(frequency), "-o", data, "--", "env",
                 "LD_PRELOAD=" + library, *command], env=env, stdin=source, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit(f"{row['name']}: {done.stderr.decode(errors='replace')}")
        text = subprocess.run(["perf", "script", "-i", data, "-F", "comm,ip,sym,dso"], capture_output=True, text=True,
                              check=True, errors="replace").stdout
    total = ours = kernel = 0
    for sample in text.split("\n\n"):
        frames = sample.strip().splitlines()
        if len(frames) < 2 or frames[0].strip() in ("env", "perf"):
            continue
        total += 1
        if "libloam" in frames[1]:
            ours += 1
        elif "[kernel" in frames[1] and any(word in frame for frame in frames for word in FAULT):
            kernel += 1
    return total, ours, kernel


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--library", default=str(BENCH.parent / "build/lib/libloam.so"))
    parser.add_argument("--frequency", type=int, default=2000)
    arguments = parser.parse_args()
    print(f"{'program':16} {'samples':>8} {'malloc':>8} {'kernel':>8} {'left':>6}")
    left = []
    for row in json.loads((BENCH / "rows.json").read_text())["rows"]:
        if row["group"] != "program" or row.get("kind") == "server" or arguments.only not in row["name"]:
            continue
        total, ours, kernel = samples(row, os.path.realpath(arguments.library), arguments.frequency)
        left.append(1 - (ours + kernel) / total)
        print(f"{row['name']:16} {total:8} {ours / total:8.1%} {kernel / total:8.1%} {left[-1]:6.3f}", flush=True)
    print(f"{'geomean':16} {'':26} {math.exp(sum(map(math.log, left)) / len(left)):6.3f}")


if __name__ == "__main__":
    main()
