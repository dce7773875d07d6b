#!/usr/bin/env python3
"""Runs real programs with and without the library and compares their output byte for byte.

matrix.py [--fast] [--only TEXT ...] [--sources mmap,sbrk,file] [--no-share] [--write FILE]
--fast       the quick programs on the default source only
--no-share   without the counting run, which needs the loam tool (LOAM_BIN, or build/bin/loam)
--write      the matrix as a document (docs/matrix.md)
Exit status: 0 all the same and at least 99 % of the allocations served by loam, 1 not, 2 usage.
A program that is not installed counts as a failure: scripts/packages-*.txt name the packages.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cases  # noqa: E402
import preload  # noqa: E402

LEAST_SHARE = 0.99


def stable_environment():
    """What programs print depends on little: the search path, a home, the C locale."""
    return {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC"}


class Room:
    """A folder of the same name for every run of a case."""

    def __init__(self, base):
        self.base = pathlib.Path(base)

    def run(self, case, env, wrap=()):
        folder = self.base / "room"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.chmod(self.base, 0o777)  # servers run under users of their own, and make the heap's file there
        env["TMPDIR"] = str(folder)
        place = cases.Place(folder, env, wrap)
        return case.run(place)


def missing(case):
    return [need for need in case.needs if not (pathlib.Path(need).exists() if "/" in need else shutil.which(need))]


def first_difference(plain, ours):
    for number, (one, other) in enumerate(zip(plain.split(b"\n"), ours.split(b"\n")), 1):
        if one != other:
            column = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            part = slice(max(0, column - 40), column + 80)
            return f"line {number}, column {column + 1}: {one[part]!r} without, {other[part]!r} with"
    return f"{len(plain)} bytes without, {len(ours)} with"


def share_served(room, case, base):
    """The share of allocation calls that loam served, from a run under the counting tool."""
    tool = os.environ.get("LOAM_BIN") or str(preload.ROOT / "build/bin/loam")
    report = pathlib.Path(base) / "report.json"
    report.unlink(missing_ok=True)
    report.touch()
    os.chmod(report, 0o666)
    room.run(case, stable_environment(), (tool, "run", f"--stats={report}", "--format", "json", "--"))
    # A case of several programs writes the report several times; the last one is its main work or as good as it.
    return json.loads(report.read_text())["summary"]["served_share"]


def judge(case, sources, share, base):
    """(verdict by source, share served or None, problems)"""
    room = Room(base)
    gone = missing(case)
    if gone:
        return {}, None, [f"not installed: {', '.join(gone)}"]
    verdicts, problems = {}, []
    try:
        plain = room.run(case, stable_environment())
    except (cases.Broken, subprocess.SubprocessError, OSError) as error:
        return {}, None, [f"fails without the library: {error}"]
    for source in sources:
        where = f"file:{base}/heap" if source == "file" else source
        env = preload.environment("source=" + where, stable_environment())
        try:
            ours = room.run(case, env)
            verdicts[source] = "same" if ours == plain else "differs"
            if ours != plain:
                problems.append(f"{source}: {first_difference(plain, ours)}")
        except (cases.Broken, subprocess.SubprocessError, OSError) as error:
            verdicts[source] = "fails"
            problems.append(f"{source}: {error}")
    served = None
    if share:
        try:
            served = share_served(room, case, base)
            if served is None or served < LEAST_SHARE:
                problems.append(f"served by loam: {served}")
        except (cases.Broken, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            problems.append(f"counting run: {error}")
    return verdicts, served, problems


def document(rows, sources):
    lines = ["# Real programs on loam", "",
             "Output byte for byte the same with and without `libloam.so`, in each source of pages; and the share of their",
             "allocation calls that loam served, counted by `loam run --stats`. Written by `test/e2e/real/matrix.py --write`;",
             "the programs and their inputs are in `test/e2e/real/`.", "",
             f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}, {os.cpu_count()} processors.", "",
             "| program | " + " | ".join(sources) + " | served by loam |", "| --- |" + " --- |" * (len(sources) + 1)]
    for case, verdicts, served, problems in rows:
        cells = [verdicts.get(source, "-") for source in sources]
        share = "-" if served is None else f"{100 * served:.3f} %"
        lines.append(f"| {case.name} | " + " | ".join(cells) + f" | {share} |")
    failures = [(case.name, text) for case, _, _, problems in rows for text in problems]
    if failures:
        lines += ["", "## What is not as promised", ""] + [f"- {name}: {text.splitlines()[0][:300]}" for name, text in failures]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--sources", default="mmap,sbrk,file")
    parser.add_argument("--no-share", action="store_true")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    # A shell's background jobs ignore it, programs inherit that, and Python's tests interrupt themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sources = ["mmap"] if options.fast else options.sources.split(",")
    rows = []
    with tempfile.TemporaryDirectory(prefix="loam-real-", dir="/var/tmp") as base:
        for case in cases.CASES:
            if not any(text in case.name for text in options.only) or (options.fast and not case.fast):
                continue
            began = time.monotonic()
            verdicts, served, problems = judge(case, [s for s in sources if s in case.sources], not options.no_share, base)
            rows.append((case, verdicts, served, problems))
            share = "" if served is None else f", {100 * served:.3f} % served by loam"
            print(f"{'FAIL' if problems else 'ok':5} {case.name}: {verdicts}{share}, {time.monotonic() - began:.1f} s", flush=True)
            for text in problems:
                print("      " + text, flush=True)
    if options.write:
        options.write.write_text(document(rows, sources))
    failed = sum(bool(problems) for _, _, _, problems in rows)
    print(f"{len(rows) - failed} of {len(rows)} programs are the same with and without the library")
    return 0 if rows and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
