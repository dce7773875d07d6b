#!/usr/bin/env python3
"""Runs the defect programs on the library under test and compares what they say word for word.

run.py [--bin FOLDER] [--only TEXT] [--clean-only] [--plain]
Every defect must end by SIGABRT with exactly the message promised in docs/contracts.md; its clean twin must exit 0 with
empty standard error. --plain runs the clean twins without the library, to prove that they are clean.
Exit status: 0 all as promised, 1 not, 2 usage.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

SMALL = (16, 48, 1000)
MEDIUM = (5000, 40000)
LARGE = (200000, 3 << 20, 80 << 20)
SIZES = SMALL + MEDIUM + LARGE

SPAN = r"span 0x(?P<span>[0-9a-f]+)\+0x(?P<length>[0-9a-f]+)"


@dataclasses.dataclass
class Case:
    program: str
    arguments: tuple
    verb: str          # free or realloc
    kind: str          # double, interior or elsewhere
    state: str = ""    # of the block, or the word in parentheses
    offset: int = 0
    also: tuple = ()   # further words for a pointer whose memory went back

    def name(self):
        return " ".join((self.program,) + self.arguments)


def expected(case, announced):
    """The regular expressions of which one must match the whole of standard error."""
    passed, block, usable = announced
    texts = []
    if case.kind == "double":
        texts.append(rf"loam: double {case.verb} of {passed} \({usable} bytes, {SPAN}, free\)\n")
    elif case.kind == "interior":
        texts.append(rf"loam: invalid {case.verb} of {passed}: {case.offset} bytes inside the block {block} "
                     rf"\({usable} bytes, {SPAN}, {case.state}\)\n")
    else:
        texts.append(rf"loam: invalid {case.verb} of {passed}: not a block of this heap \({case.state}\)\n")
    for word in case.also:
        texts.append(rf"loam: invalid {case.verb} of {passed}: not a block of this heap \({word}\)\n")
    return texts


def cases():
    yield from double_frees()
    for size in SIZES:
        for operations in (0, 20000):
            yield Case("realloc_freed", ("--size", str(size), "--operations", str(operations)), "realloc", "double",
                       also=gone(size))
    yield from interiors()
    yield from elsewhere()
    for way in ("single", "array", "sized", "aligned"):
        for size in (16, 48, 1000, 5000, 40000):
            yield Case("delete_twice", ("--way", way, "--size", str(size)), "free", "double")


def gone(size):
    """A large block's memory is no longer a block once it is freed: the run is free, or given back to the kernel."""
    if size <= 65536:
        return ()
    return ("free span",) if size < 64 << 20 else ("free span", "unmapped")


def double_frees():
    for way in ("same", "batch", "owner_then_other", "other_then_owner", "two_others"):
        for size in SIZES:
            for operations in (0, 20000):
                yield Case("double_free", ("--way", way, "--size", str(size), "--operations", str(operations)), "free",
                           "double", also=gone(size))


def interiors():
    for size in SIZES:
        for offset in sorted({1, 8, 16, size // 2, size - 1} - {size, 0}):
            if offset >= size:
                continue
            base = ("--size", str(size), "--offset", str(offset))
            yield Case("free_interior", base, "free", "interior", "live", offset)
            yield Case("free_interior", base + ("--way", "other"), "free", "interior", "live", offset)
            yield Case("free_interior", base + ("--way", "realloc"), "realloc", "interior", "live", offset)
        base = ("--size", str(size), "--offset", "8")
        yield Case("free_interior", base + ("--operations", "20000"), "free", "interior", "live", 8)
        yield Case("free_interior", base + ("--way", "freed"), "free", "interior", "free", 8, gone(size))


def elsewhere():
    for verb in ("free", "realloc"):
        for kind, word in (("stack", "stack"), ("stack_misaligned", "stack"), ("thread_stack", "stack"), ("data", "data"),
                           ("zeroed", "data"), ("constant", "data"), ("code", "data"), ("low", "unmapped"),
                           ("non_canonical", "unmapped"), ("kernel", "unmapped"), ("unmapped", "unmapped"),
                           ("shared", "mapping")):
            way = kind if verb == "free" else "realloc_" + kind
            yield Case("free_elsewhere", ("--way", way), verb, "elsewhere", word)


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, env):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, preexec_fn=no_core, check=False)


def judge_span(match, address):
    """The span that the message names must hold the address."""
    groups = match.groupdict()
    if "span" not in groups:
        return ""
    base, length = int(groups["span"], 16), int(groups["length"], 16)
    if base % 4096 or not base <= address < base + length:
        return f"the span 0x{base:x}+0x{length:x} does not hold 0x{address:x}"
    return ""


def judge_defect(case, folder, env):
    done = run([folder / case.program, *case.arguments], env)
    said = done.stderr.decode(errors="replace")
    announced = re.fullmatch(r"block (0x[0-9a-f]+) (\d+) passed (0x[0-9a-f]+)\n", done.stdout.decode())
    if not announced:
        return f"announced nothing: status {done.returncode}, said {said!r}"
    block, usable, passed = announced.groups()
    if done.returncode == 3:
        return "the address was handed out again: can't judge"
    if done.returncode != -signal.SIGABRT:
        return f"status {done.returncode}, not SIGABRT; said {said!r}"
    for text in expected(case, (passed, block, usable)):
        match = re.fullmatch(text, said)
        if match:
            return judge_span(match, int(passed, 16))
    return f"said {said!r}, wanted {expected(case, (passed, block, usable))[0]!r}"


def judge_clean(command, env):
    done = run(command, env)
    if done.returncode != 0 or done.stderr:
        return f"status {done.returncode}, said {done.stderr.decode(errors='replace')!r}"
    return ""


def work(options):
    env = preload.plain_environment() if options.plain else preload.environment()
    for case in cases():
        if options.only not in case.name():
            continue
        if not options.clean_only and not options.plain:
            yield case.name(), (judge_defect, case, options.bin, env)
        yield case.name() + " --clean", (judge_clean, [options.bin / case.program, *case.arguments, "--clean"], env)
    if options.only in "foreign":
        yield "foreign", (judge_clean, [options.bin / "foreign"], env)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=preload.ROOT / "build/bin/programs")
    parser.add_argument("--only", default="")
    parser.add_argument("--clean-only", action="store_true")
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    failures = total = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        pending = [(name, pool.submit(*call)) for name, call in work(options)]
        for name, future in pending:
            try:
                wrong = future.result()
            except subprocess.TimeoutExpired:
                wrong = "hangs"
            total += 1
            if wrong:
                failures += 1
                print(f"FAIL {name}: {wrong}")
    print(f"{total - failures} of {total} programs behave as promised")
    return 0 if failures == 0 and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
