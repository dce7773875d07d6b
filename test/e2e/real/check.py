#!/usr/bin/env python3
"""Runs real programs under `loam check`: their output must be what it is without, and what is planted in them must be found.

check.py [--fast] [--only TEXT ...] [--list] [--limit GIB]
A tiny library that is preloaded into every process loses a block and frees another one twice. --list prints what else was found,
grouped by kind and innermost functions, for somebody to look into. --limit bounds the address space of every process, with and without
loam, as `ulimit -v` does. Exit status: 0 all well, 1 not.
"""
import argparse
import collections
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

import matrix
from matrix import cases

HERE = pathlib.Path(__file__).resolve().parent
LOAM = os.environ.get("LOAM_BIN") or str(HERE.parents[2] / "build/bin/loam")
PLANTED = {"planted_leak": "leak", "planted_double_free": "double-free"}
# One report for each program that the case starts.
WRAPPER = """#!/bin/sh
LD_PRELOAD={planted} exec {loam} check --keep-going --leaks all --exit-code 0 --format json --output {reports}/$$.json -- "$@"
"""


def functions(finding):
    return [frame["function"] or "" for stack in finding["stacks"] for frame in stack["frames"]]


def innermost(finding):
    """The first functions of a finding's first stack, with the module where there is no name."""
    frames = finding["stacks"][0]["frames"] if finding["stacks"] else []
    return tuple(frame["function"] or os.path.basename(frame["module"] or "?") for frame in frames[:4])


def planted_in(findings):
    """Which planted defects were found, each as the kind that it is."""
    return {name for name, kind in PLANTED.items() for finding in findings
            if finding["kind"] == kind and name in functions(finding)}


def judge(case, base, wrapper, reports):
    """(problems, findings that were not planted)"""
    room = matrix.Room(base)
    gone = matrix.missing(case)
    if gone:
        return [f"not installed: {', '.join(gone)}"], []
    try:
        plain = room.run(case, matrix.stable_environment())
        ours = room.run(case, matrix.stable_environment(), (wrapper,))
    except (cases.Broken, subprocess.SubprocessError, OSError) as error:
        return [str(error)], []
    problems = [] if ours == plain else [matrix.first_difference(plain, ours)]
    found = [finding for path in reports.iterdir() for finding in json.loads(path.read_text() or '{"findings":[]}')["findings"]]
    problems += [f"not found: {name}" for name in sorted(set(PLANTED) - planted_in(found))]
    return problems, [finding for finding in found if not set(PLANTED) & set(functions(finding))]


def proves_itself():
    """Bad samples, which must be seen."""
    stack = {"frames": [{"function": "planted_leak", "module": "x"}]}
    assert planted_in([{"kind": "leak", "stacks": [stack]}]) == {"planted_leak"}
    assert not planted_in([{"kind": "overflow", "stacks": [stack]}]) and not planted_in([])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    proves_itself()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if options.limit:
        resource.setrlimit(resource.RLIMIT_AS, (options.limit << 30, options.limit << 30))
    done = failed = 0
    with tempfile.TemporaryDirectory(prefix="loam-checked-", dir="/var/tmp") as base:
        os.chmod(base, 0o777)
        planted, wrapper = pathlib.Path(base) / "planted.so", pathlib.Path(base) / "wrapper"
        subprocess.run(["cc", "-g", "-O1", "-w", "-fno-builtin", "-shared", "-fPIC", str(HERE / "planted.c"), "-o", str(planted)],
                       check=True)
        for number, case in enumerate(cases.CASES):
            if not any(text in case.name for text in options.only) or (options.fast and not case.fast):
                continue
            reports = pathlib.Path(base) / f"reports-{number}"
            reports.mkdir(mode=0o777)
            os.chmod(reports, 0o777)
            wrapper.write_text(WRAPPER.format(planted=planted, loam=LOAM, reports=reports))
            wrapper.chmod(0o755)
            began = time.monotonic()
            problems, others = judge(case, base, str(wrapper), reports)
            done, failed = done + 1, failed + bool(problems)
            kinds = collections.Counter(finding["kind"] for finding in others)
            print(f"{'FAIL' if problems else 'ok':5} {case.name}: {dict(kinds) or 'nothing else found'}, {time.monotonic() - began:.1f} s",
                  flush=True)
            for text in problems:
                print("      " + text, flush=True)
            if options.list:
                for (kind, where), count in collections.Counter((f["kind"], innermost(f)) for f in others).most_common(40):
                    print(f"      {count:4} {kind}: {' < '.join(where)}")
    print(f"{done - failed} of {done} programs run as without, and what was planted is found")
    return 0 if done and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
