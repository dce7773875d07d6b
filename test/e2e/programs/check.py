#!/usr/bin/env python3
"""Runs the tiny programs of check/ under `loam check`, each with its defect and without.

check.py [--only TEXT] [--flags "-O0 ..."] [--compilers gcc,clang] [--options "--full"]
With the defect exactly one finding is wanted, of the kind that the first line of the source names; each of its stacks that has
a mark (@access, @allocation, @free) in the source must name a line with that mark, in a frame of the function that the line
stands in. What is on the side without a guard page says "with --flip" there, and is run so. Without the defect there must be none, and the exit status 0. A source with a part under PLUGIN is built as a library too. The programs are built here, once for each compiler and set of flags, into a folder that goes again.
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
LOAM = os.environ.get("LOAM_BIN", str(ROOT / "build/bin/loam"))
ROLES = ("access", "allocation", "free")
EXIT_FINDINGS = 99
COMMON = ["-g", "-fno-builtin", "-w", "-pthread"]


def sources(only):
    return sorted(path for path in (HERE / "check").iterdir() if path.suffix in (".c", ".cpp") and only in path.stem)


def expectation(source, options=()):
    """(kind, role -> lines) that the source asks for; a mark like @access:full stands for that option instead."""
    lines = source.read_text().splitlines()
    kind = re.search(r"expect: ([\w-]+)", lines[0]).group(1)
    marks = {}
    for role in ROLES:
        plain = [number for number, line in enumerate(lines, 1) if re.search(rf"@{role}\b(?!\?|:full)", line)]
        full = [number for number, line in enumerate(lines, 1) if f"@{role}:full" in line]
        marks[role] = full if full and "--full" in options else plain
    return kind, {role: found for role, found in marks.items() if found}


def function_at(source, number):
    """The name of the function that the line stands in: of the last definition before it, None where none is seen."""
    text = source.read_text().replace("__attribute__((noinline))", "")
    for line in reversed(text.splitlines()[:number]):
        head = re.match(r"\s*(?:[\w:*&<>]+[\s*&]+)*(~?\w+)\([^;]*\)[^;{]*\{", line)
        if head and head.group(1) not in ("if", "for", "while", "switch", "catch"):
            return head.group(1)
    return None


def stack_faults(source, finding, marks):
    for role, lines in marks.items():
        stacks = [stack for stack in finding["stacks"] if stack["role"] == role]
        named = [(os.path.basename(frame["file"] or ""), frame["line"], frame["function"] or "")
                 for stack in stacks for frame in stack["frames"]]
        wanted = {line: function_at(source, line) for line in lines}
        if not any(file == source.name and line in wanted and (wanted[line] or "") in function
                   for file, line, function in named):
            yield f"the stack of the {role} names {named}, not line and function {wanted}"


def judge(source, status, report, defect, options=()):
    """What is wrong with the report, as a list of sentences."""
    found = [finding["kind"] for finding in report["findings"]]
    if not defect:
        wrong = [] if status == 0 else [f"exit status {status} without the defect"]
        return wrong + ([f"found {found} without the defect"] if found else [])
    kind, marks = expectation(source, options)
    if status != EXIT_FINDINGS:
        return [f"exit status {status}, found {found}"]
    if found != [kind]:
        return [f"found {found}, not {kind}"]
    return list(stack_faults(source, report["findings"][0], marks))


def run_one(source, program, defect, options):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [LOAM, "check", *options, "--format", "json", "--output", report.name, "--", str(program)]
        done = subprocess.run(command + (["defect"] if defect else []), capture_output=True, timeout=120, check=False)
        try:
            content = json.load(open(report.name, encoding="utf-8"))
        except ValueError:
            return [f"no report: status {done.returncode}, {done.stderr.decode(errors='replace')!r}"]
    return judge(source, done.returncode, content, defect, options)


def build(source, compiler, flags, folder):
    driver = {"gcc": ("gcc", "g++"), "clang": ("clang-19", "clang++-19")}[compiler][source.suffix == ".cpp"]
    program = pathlib.Path(folder) / source.stem
    if "PLUGIN" in source.read_text():
        subprocess.run([driver, *COMMON, *flags, "-DPLUGIN", "-shared", "-fPIC", str(source), "-o", f"{program}.so"],
                       check=True)
    subprocess.run([driver, *COMMON, *flags, str(source), "-o", str(program)], check=True)
    return program


def work(source, compiler, flags, folder, options):
    program = build(source, compiler, flags, folder)
    if "with --flip" in source.read_text().splitlines()[0]:
        options = [*options, "--flip"]
    wrong = [f"with the defect: {text}" for text in run_one(source, program, True, options)]
    return wrong + [f"clean: {text}" for text in run_one(source, program, False, options)]


class Judge:
    """Bad samples, which must be found."""

    @staticmethod
    def proves_itself():
        source = HERE / "check/double_free.c"
        _, marks = expectation(source)
        frame = {"file": str(source), "line": marks["allocation"][0], "function": "main"}
        good = {"kind": "double-free", "stacks": [{"role": role, "frames": [{**frame, "line": lines[0]}]}
                                                  for role, lines in marks.items()]}
        bad = {"kind": "double-free", "stacks": [{"role": "free", "frames": [frame]}]}
        elsewhere = {"kind": "double-free", "stacks": [{**stack, "frames": [{**stack["frames"][0], "function": "other"}]}
                                                       for stack in good["stacks"]]}
        samples = [judge(source, 0, {"findings": []}, True), judge(source, 99, {"findings": [bad]}, True),
                   judge(source, 99, {"findings": [elsewhere]}, True),
                   judge(source, 99, {"findings": [good, good]}, True), judge(source, 99, {"findings": [good]}, False)]
        assert len(marks) == 3 and all(samples) and not judge(source, 99, {"findings": [good]}, True)
        assert not judge(source, 0, {"findings": []}, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--flags", default="-O0", help="sets of flags, by semicolons")
    parser.add_argument("--compilers", default="gcc")
    parser.add_argument("--options", default="")
    arguments = parser.parse_args()
    Judge.proves_itself()
    total = failed = 0
    for compiler in arguments.compilers.split(","):
        for flags in arguments.flags.split(";"):
            with tempfile.TemporaryDirectory() as folder, \
                    concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                todo = [(source, pool.submit(work, source, compiler, flags.split(), folder, arguments.options.split()))
                        for source in sources(arguments.only)]
                for source, future in todo:
                    total += 1
                    wrong = future.result()
                    failed += bool(wrong)
                    for text in wrong:
                        print(f"FAIL {source.name} ({compiler} {flags}): {text}")
    print(f"{total - failed} of {total} programs are judged as they should be")
    return 0 if failed == 0 and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
