#!/usr/bin/env python3
"""Fails the n-th kernel call of the heap, for every n until a run makes fewer calls than n.

run.py --program PATH [--source SOURCE ...] [--threads N ...] [--mode once|forever ...] [--stride K]
Each run must end as test/fault/workload.c promises: no crash, ENOMEM, content kept, the heap consistent, service again
after a single failure. Prints how many calls there were and how many runs had a request refused.
--stride K tries every K-th n only. Exit status: 0 all as promised, 1 not, 2 usage.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import preload  # noqa: E402

# Threads make the number of calls vary from run to run: the end is reached when this many n in a row were not.
ENOUGH_UNREACHED = 4
RUNAWAY = 20000


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def one_run(program, source, mode, n, threads):
    """(calls made, requests refused, what is wrong)"""
    key = "fail_nth" if mode == "once" else "fail_from"
    options = f"source={source}" + (f":{key}={n}" if n else "")
    try:
        done = subprocess.run([program, mode, str(n), str(threads)], env=preload.environment(options), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, preexec_fn=no_core, check=False)
    except subprocess.TimeoutExpired:
        return 0, 0, "hangs"
    said = done.stderr.decode(errors="replace").strip()
    match = re.fullmatch(r"calls (\d+) refused (\d+)\n", done.stdout.decode())
    if done.returncode != 0 or not match:
        return 0, 0, f"status {done.returncode}, said {said!r}"
    return int(match[1]), int(match[2]), ""


def sweep(program, source, mode, threads, stride):
    """Tries every n; returns the number of failures."""
    title = f"source={source} {mode} threads={threads}"
    calls, _, wrong = one_run(program, source, "once", 0, threads)
    if wrong or calls == 0:
        print(f"FAIL {title}: without any failure: {wrong or 'no kernel calls counted'}")
        return 1
    failures = runs = refused_runs = unreached = 0
    most = n = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        while unreached < ENOUGH_UNREACHED and n < RUNAWAY:
            batch = [n + stride * k + 1 for k in range(ENOUGH_UNREACHED)]
            n += stride * ENOUGH_UNREACHED
            for at, (made, refused, wrong) in zip(batch, pool.map(lambda m: one_run(program, source, mode, m, threads), batch)):
                runs += 1
                if wrong:
                    failures += 1
                    print(f"FAIL {title} n={at}: {wrong}")
                    unreached = 0
                    continue
                unreached = unreached + 1 if made < at else 0
                most = max(most, made)
                refused_runs += refused > 0
        if n >= RUNAWAY:
            failures += 1
            print(f"FAIL {title}: still reaches call {n}")
    # One refused call may be made good by another way to the same memory; all that follow refused may not.
    never_refused = mode != "once" and stride == 1 and refused_runs == 0
    if failures == 0 and (most < calls // 2 or never_refused):
        failures += 1
        print(f"FAIL {title}: {refused_runs} runs had a request refused, calls {most} of {calls}: nothing was failed")
    print(f"{title}: {calls} kernel calls undisturbed, n = 1 to {n} in {runs} runs, {refused_runs} with a request refused, "
          f"{failures} wrong")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--source", nargs="+", default=["mmap", "sbrk", "file"])
    parser.add_argument("--threads", nargs="+", type=int, default=[0, 2])
    parser.add_argument("--mode", nargs="+", default=["once", "forever"], choices=["once", "forever"])
    parser.add_argument("--stride", type=int, default=1)
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="loam-fault-") as folder:
        for source in options.source:
            where = f"file:{folder}/heap" if source == "file" else source
            for mode in options.mode:
                for threads in options.threads:
                    failures += sweep(options.program, where, mode, threads, options.stride)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
