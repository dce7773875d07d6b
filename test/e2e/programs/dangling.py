#!/usr/bin/env python3
"""Runs the uses of freed blocks in dangling/, and counts of how many the right block is named, by the line that allocated it.

dangling.py [--only TEXT] [--compilers gcc,clang] [--flags "-O0;-O1;-O2"]
Each use is run with its block alone on a page (one turn) and among others of its site (seven turns). Of thirty uses at least 29
must name the right block; none may name a wrong one. Exit status: 0 all as wanted, 1 not.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import sys
import tempfile

import check
import lingering

HERE = pathlib.Path(__file__).resolve().parent
TURNS = ("1", "7")
LEAST_USES = 30


def uses(source):
    """Use -> the lines that allocate its block."""
    found = {}
    for number, line in enumerate(source.read_text().splitlines(), 1):
        mark = re.search(r"@block (\w+)", line)
        if mark:
            found.setdefault(mark.group(1), set()).add(number)
    return found


def verdict(source, lines, findings):
    """'right', 'wrong' or 'none': which block is named."""
    named = []
    for finding in findings:
        frames = [frame for stack in finding["stacks"] if stack["role"] == "allocation" for frame in stack["frames"]]
        if frames and finding["kind"] != "leak":
            named.append(any(os.path.basename(frame["file"] or "") == source.name and frame["line"] in lines
                             for frame in frames))
    if not named:
        return "none"
    return "right" if all(named) else "wrong"


def work(source, program, use, lines, turns):
    findings = lingering.report_of(program, [use, turns])
    return verdict(source, lines, findings), [finding["message"] for finding in findings if finding["kind"] != "leak"]


def is_enough(verdicts):
    right = verdicts.count("right")
    return len(verdicts) >= LEAST_USES and "wrong" not in verdicts and right * LEAST_USES >= (LEAST_USES - 1) * len(verdicts)


def prove_the_judge():
    source = pathlib.Path("uses.c")
    good = {"kind": "use-after-free", "stacks": [{"role": "allocation", "frames": [{"file": "/x/uses.c", "line": 7}]}]}
    bad = {"kind": "use-after-free", "stacks": [{"role": "allocation", "frames": [{"file": "/x/uses.c", "line": 8}]}]}
    assert verdict(source, {7}, [good]) == "right" and verdict(source, {7}, []) == "none"
    assert verdict(source, {7}, [bad]) == "wrong" and verdict(source, {7}, [good, bad]) == "wrong"
    assert verdict(source, {7}, [{**good, "stacks": []}]) == "none"
    assert is_enough(["right"] * 29 + ["none"]) and not is_enough(["right"] * 28 + ["none"] * 2)
    assert not is_enough(["right"] * 29 + ["wrong"]) and not is_enough(["right"] * 29)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--compilers", default="gcc")
    parser.add_argument("--flags", default="-O0;-O1;-O2", help="sets of flags, by semicolons")
    arguments = parser.parse_args()
    prove_the_judge()
    verdicts = []
    sources = sorted(path for path in (HERE / "dangling").iterdir() if path.suffix in (".c", ".cpp"))
    for compiler in arguments.compilers.split(","):
        for flags in arguments.flags.split(";"):
            with tempfile.TemporaryDirectory() as folder, \
                    concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                todo = []
                for source in sources:
                    program = check.build(source, compiler, flags.split(), folder)
                    todo += [(use, turns, pool.submit(work, source, program, use, lines, turns))
                             for use, lines in uses(source).items() for turns in TURNS if arguments.only in use]
                for use, turns, future in todo:
                    found, messages = future.result()
                    verdicts.append(found)
                    if found != "right":
                        print(f"     {use} {turns} ({compiler} {flags}): {found}: {messages}")
    print(f"of {len(verdicts)} uses {verdicts.count('right')} name the right block, {verdicts.count('wrong')} a wrong one, "
          f"{verdicts.count('none')} none")
    return 0 if is_enough(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
