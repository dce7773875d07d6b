#!/usr/bin/env python3
"""How often `loam check` finds a needle: one bad access to one block of a site that hands out tens of thousands.

rates.py --needle PROGRAM [--seeds 50] [--seed N] [--kinds a,b] [--modes default,thorough,full] [--write FILE]
Each kind is run with as many seeds in each mode. Found is a needle whose finding is the only one, and of the right kind, with
the needle's own address and size, its allocation's line, its free's line (marks in needle.c and site.c), and of accesses
that are seen when they happen the line of the access. Another finding is a wrong one. What must be found always is in MUST.
The clean twin makes the accesses of all kinds where they are allowed: nothing may be found then.
The first seed is drawn and printed; --seed takes it back.
Exit status: 0 all as wanted, 1 not.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LOAM = os.environ.get("LOAM_BIN", str(HERE.parents[2] / "build/bin/loam"))
KINDS = {"read_live": "use-after-free", "read_dead": "use-after-free", "write_now": "use-after-free",
         "write_later": "use-after-free", "chase": "use-after-free", "call": "use-after-free",
         "read_moved": "use-after-free", "off_by_one": "overflow", "in_front": "underflow",
         "write_past": "overflow", "read_past": "overflow"}
MODES = {"default": [], "thorough": ["--thorough"], "full": ["--full"]}
ALWAYS = {"off_by_one", "in_front", "write_now", "write_later", "chase", "call"}
MUST = {"default": ALWAYS, "thorough": ALWAYS | {"read_dead"}, "full": set(KINDS)}
EXIT_FINDINGS = 99


def marks(role):
    """The places in the sources with this mark, as (file, line)."""
    return {(path.name, number) for path in HERE.glob("*.c")
            for number, line in enumerate(path.read_text().splitlines(), 1) if f"@{role}" in line}


MARKS = {role: marks(role) for role in ("access", "allocation", "free")}


def names(finding, role):
    """Whether a stack of this role has a marked line; None if there is no such stack."""
    stacks = [stack for stack in finding["stacks"] if stack["role"] == role]
    if not stacks:
        return None
    return any((os.path.basename(frame["file"] or ""), frame["line"]) in MARKS[role]
               for stack in stacks for frame in stack["frames"])


def is_needle(kind, needle, finding):
    """Whether the finding is of this needle: needle is (size, place of the bad access)."""
    size, place = needle
    if finding["kind"] != KINDS[kind] or finding["bytes"] != size or not names(finding, "allocation"):
        return False
    if KINDS[kind] == "use-after-free" and not names(finding, "free"):
        return False
    seen_later = "seen later" in finding["message"]
    if not seen_later and not names(finding, "access"):
        return False
    through = "pointer that was read from" in finding["message"]
    return through == (kind in ("chase", "call")) and through or place <= int(finding["address"], 16) < place + 8


def judge(kind, output, findings):
    """'found', 'missed' or 'wrong'."""
    announced = re.search(r"needle (\S+) (\d+) (\S+)", output)
    needle = (int(announced.group(2)), int(announced.group(3), 16))
    if not findings:
        return "missed"
    return "found" if len(findings) == 1 and is_needle(kind, needle, findings[0]) else "wrong"


def check(program, options, words):
    """(exit status, output, report) of the program under loam check."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        done = subprocess.run([LOAM, "check", *options, "--format", "json", "--output", file.name, "--", program, *words],
                              capture_output=True, text=True, errors="replace", timeout=300, check=False)
        text = pathlib.Path(file.name).read_text(encoding="utf-8")
    if not text:
        raise RuntimeError(f"no report of {words}: status {done.returncode}, {done.stderr}")
    return done.returncode, done.stdout, json.loads(text)


def run_needle(program, kind, mode, seed):
    status, output, report = check(program, MODES[mode], [kind, str(seed), "defect"])
    verdict = judge(kind, output, report["findings"])
    if (status == EXIT_FINDINGS) != bool(report["findings"]):
        verdict = "wrong"
    return kind, mode, seed, verdict, [f"{finding['kind']}: {finding['message']}" for finding in report["findings"]]


def run_clean(program, mode, seed):
    status, _, report = check(program, MODES[mode], ["all", str(seed)])
    found = [f"{finding['kind']}: {finding['message']}" for finding in report["findings"]]
    return "clean", mode, seed, "missed" if status == 0 and not found else "wrong", found


def run_all(arguments, seeds):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        todo = [pool.submit(run_clean, arguments.needle, mode, seed) for mode in arguments.modes for seed in seeds]
        todo += [pool.submit(run_needle, arguments.needle, kind, mode, seed)
                 for kind in arguments.kinds for mode in arguments.modes for seed in seeds]
        for future in concurrent.futures.as_completed(todo):
            yield future.result()


def table(counts, kinds, modes, seeds):
    yield "| of " + str(seeds) + " | " + " | ".join(modes) + " |"
    yield "|---|" + "---|" * len(modes)
    for kind in kinds:
        cells = []
        for mode in modes:
            found, wrong = counts.get((kind, mode, "found"), 0), counts.get((kind, mode, "wrong"), 0)
            cells.append(f"{found}" + (f" ({wrong} named wrongly)" if wrong else ""))
        yield f"| {kind} | " + " | ".join(cells) + " |"


def prove_the_judge():
    """Samples that must be told from each other."""
    def stack(role):
        file, line = sorted(MARKS[role])[0]
        return {"role": role, "frames": [{"file": file, "line": line}]}
    good = {"kind": "use-after-free", "message": "read", "bytes": 40, "address": "0x1008",
            "stacks": [stack("access"), stack("allocation"), stack("free")]}
    output = "needle 0x1000 40 0x1008"
    assert judge("read_dead", output, [good]) == "found" and judge("read_dead", output, []) == "missed"
    bad = [{**good, "kind": "overflow"}, {**good, "bytes": 48}, {**good, "address": "0x1010"},
           {**good, "stacks": [stack("access"), stack("allocation")]}, {**good, "stacks": [stack("access"), stack("free")]},
           {**good, "stacks": [stack("allocation"), stack("free")]},
           {**good, "address": "0x99", "message": "read through a pointer that was read from a block"}]
    assert all(judge("read_dead", output, [sample]) == "wrong" for sample in bad)
    assert judge("read_dead", output, [good, good]) == "wrong"
    assert judge("chase", output, [bad[-1]]) == "found"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--needle", required=True)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 40))
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--modes", type=lambda text: text.split(","), default=list(MODES))
    parser.add_argument("--write", help="the table goes there too")
    arguments = parser.parse_args()
    prove_the_judge()
    print(f"seed {arguments.seed}")
    counts, failures = {}, []
    for kind, mode, seed, verdict, found in run_all(arguments, range(arguments.seed, arguments.seed + arguments.seeds)):
        counts[kind, mode, verdict] = counts.get((kind, mode, verdict), 0) + 1
        must = kind in MUST[mode]
        if (must and verdict != "found") or (kind == "clean" and verdict == "wrong"):
            failures.append(f"FAIL {kind} {seed} in {mode}: {verdict}, {found}")
        elif verdict == "wrong":
            print(f"     {kind} {seed} in {mode}: {found}")
    print("\n".join(failures))
    lines = list(table(counts, arguments.kinds, arguments.modes, arguments.seeds))
    print("\n".join(lines))
    if arguments.write:
        pathlib.Path(arguments.write).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
