#!/usr/bin/env python3
"""Whether a second thread that is recorded waits for the first: threads.py BUILD [RUNS [ROUNDS]]. Each thread does the whole churn by itself.

Prints the wall of two threads relative to that of one, of the program alone (under loam's malloc) and recorded with stacks, and the recorded
walls relative to those alone. The drainer needs a processor too: with two processors and two threads it takes its time from theirs, and the
processor time of all three, divided by the processors, is what no wall can be below. Runs take turns, minima count.
"""
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
ROUNDS = sys.argv[3] if len(sys.argv) > 3 else "950000"


def run(words, **environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(map(str, words)), env={**os.environ, **environment}, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = float(re.search(r"wall ([0-9.]+)", done.stdout)[1])
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        record = [BUILD / "bin/loam", "record", "--output", os.path.join(folder, "out"), "--"]
        for _ in range(RUNS):
            for threads in (1, 2):
                churn = [BUILD / "bench/record-churn", ROUNDS, threads]
                for way, got in (("alone", run(churn, LD_PRELOAD=str(BUILD / "lib/libloam.so"))), ("recorded", run([*record, *churn]))):
                    best[way, threads] = tuple(map(min, got, best.get((way, threads), got)))
    processors = len(os.sched_getaffinity(0))
    for way in ("alone", "recorded"):
        one, two = best[way, 1], best[way, 2]
        print(f"{way:9} one thread {one[0]:5.2f} s, two {two[0]:5.2f} s: {two[0] / one[0]:.2f} x; processor time of two with the "
              f"drainer {two[1]:.2f} s: not below {max(two[1] / processors, one[0]) / one[0]:.2f} x on {processors} processors")
    for threads in (1, 2):
        print(f"recorded relative to alone, {threads} thread{'s' * (threads > 1)}: "
              f"{best['recorded', threads][0] / best['alone', threads][0]:.2f} x")


if __name__ == "__main__":
    main()
