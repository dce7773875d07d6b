#!/usr/bin/env python3
"""Runs the programs of lingering/: leaks at -O2, the last pointer to which may linger in a register or a dead stack slot.

lingering.py [--only TEXT] [--compilers gcc,clang] [--flags "-O2"]
The first line of each source says how many blocks are lost; its mark @allocation where they come from. A program counts as
definite if all of them are reported so (or hang on one that is), as dead-slot if some only in that class. At least
nine of ten must be definite, 39 of 40 at least dead-slot, and the clean twins must have neither.
Exit status: 0 all as wanted, 1 not.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import check

HERE = pathlib.Path(__file__).resolve().parent
LEAST_PROGRAMS = 40
OF_FORTY = {"definite": 36, "dead-slot": 39}
CLASSES = {"definite": "definite", "indirect": "definite", "dead-slot": "dead-slot", "dead-slot-indirect": "dead-slot"}


def lost_here(source, findings):
    """Blocks lost from the marked line, by class."""
    lines = {number for number, line in enumerate(source.read_text().splitlines(), 1) if "@allocation" in line}
    counts = {"definite": 0, "dead-slot": 0}
    for finding in findings:
        frames = [frame for stack in finding["stacks"] if stack["role"] == "allocation" for frame in stack["frames"]]
        at_mark = any(os.path.basename(frame["file"] or "") == source.name and frame["line"] in lines for frame in frames)
        if finding["kind"] == "leak" and at_mark and finding["class"] in CLASSES:
            counts[CLASSES[finding["class"]]] += finding["blocks"]
    return counts


def verdict(source, findings):
    """'definite', 'dead-slot', 'missed' or 'wrong'; the last if more is reported than is lost."""
    wanted = int(re.search(r"lost: (\d+)", source.read_text()).group(1))
    counts = lost_here(source, findings)
    total = counts["definite"] + counts["dead-slot"]
    if total > wanted or len([finding for finding in findings if finding["kind"] != "leak"]) > 0:
        return "wrong"
    if counts["definite"] == wanted:
        return "definite"
    return "dead-slot" if total == wanted else "missed"


def report_of(program, words):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [check.LOAM, "check", "--leaks=all", "--format", "json", "--output", file.name, "--", str(program)]
        done = subprocess.run(command + words, capture_output=True, timeout=120, check=False)
        try:
            return json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))["findings"]
        except ValueError:
            raise RuntimeError(f"no report of {program}: {done.stderr.decode(errors='replace')}") from None


def work(source, compiler, flags, folder):
    program = check.build(source, compiler, flags, folder)
    clean = [finding["message"] for finding in report_of(program, [])]
    findings = report_of(program, ["defect"])
    return verdict(source, findings), clean, [(finding.get("class"), finding["message"]) for finding in findings]


def is_enough(verdicts):
    """Whether so many of the programs are found as must be."""
    definite = verdicts.count("definite")
    seen = definite + verdicts.count("dead-slot")
    total = len(verdicts)
    return (total >= LEAST_PROGRAMS and "wrong" not in verdicts
            and definite * LEAST_PROGRAMS >= OF_FORTY["definite"] * total
            and seen * LEAST_PROGRAMS >= OF_FORTY["dead-slot"] * total)


def prove_the_judge():
    source = HERE / "lingering/loop.c"
    line = [number for number, text in enumerate(source.read_text().splitlines(), 1) if "@allocation" in text][0]
    stacks = [{"role": "allocation", "frames": [{"file": str(source), "line": line}]}]
    good = {"kind": "leak", "class": "definite", "blocks": 5, "stacks": stacks}
    assert verdict(source, [good]) == "definite" and verdict(source, []) == "missed"
    assert verdict(source, [{**good, "blocks": 4}]) == "missed"
    assert verdict(source, [{**good, "blocks": 4}, {**good, "blocks": 1, "class": "dead-slot"}]) == "dead-slot"
    assert verdict(source, [{**good, "blocks": 6}]) == "wrong"
    assert verdict(source, [{**good, "stacks": []}]) == "missed"
    assert is_enough(["definite"] * 36 + ["dead-slot"] * 3 + ["missed"])
    assert not is_enough(["definite"] * 36 + ["dead-slot"] * 2 + ["missed"] * 2)
    assert not is_enough(["definite"] * 35 + ["dead-slot"] * 5) and not is_enough(["definite"] * 39)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--compilers", default="gcc")
    parser.add_argument("--flags", default="-O2", help="sets of flags, by semicolons")
    arguments = parser.parse_args()
    prove_the_judge()
    failed = False
    sources = sorted(path for path in (HERE / "lingering").iterdir() if arguments.only in path.stem)
    for compiler in arguments.compilers.split(","):
        for flags in arguments.flags.split(";"):
            verdicts = []
            with tempfile.TemporaryDirectory() as folder, \
                    concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                todo = [(source, pool.submit(work, source, compiler, flags.split(), folder)) for source in sources]
                for source, future in todo:
                    found, clean, findings = future.result()
                    verdicts.append(found)
                    if clean:
                        failed = True
                        print(f"FAIL {source.name} ({compiler} {flags}): found {clean} in the clean twin")
                    if found != "definite":
                        print(f"     {source.name} ({compiler} {flags}): {found}: {findings}")
            print(f"{compiler} {flags}: of {len(verdicts)} programs {verdicts.count('definite')} definite, "
                  f"{verdicts.count('dead-slot')} dead-slot, {verdicts.count('missed')} missed, "
                  f"{verdicts.count('wrong')} wrong")
            failed = failed or not (is_enough(verdicts) or arguments.only)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
