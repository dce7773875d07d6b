#!/usr/bin/env python3
"""Runs real programs under placement policies and compares their output byte for byte with that of the C library's malloc.

policies.py [--fast] [--policies NAME,NAME] [--sources mmap,sbrk,file] [--only TEXT ...]
--fast   two policies, the break, one program
Exit status: 0 all the same and at least 99 % of the allocations of each case served by the policy, 1 not.
"""
import argparse
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cases  # noqa: E402
import matrix  # noqa: E402
import preload  # noqa: E402

POLICIES = ["first-fit", "next-fit", "best-fit", "worst-fit", "buddy", "segregated", "tlsf"]
PROGRAMS = ["python3: list", "perl", "sqlite3", "lua5.4", "git", "g++"]
SERVED = re.compile(rb"^loam: \S+ served (\d+) of (\d+) allocations.*\n", re.M)
STARTED = re.compile(rb"^loam: one region, .*\n", re.M)


def chosen_cases(words):
    found = []
    for word in words:
        of_word = [case for case in cases.CASES if case.name.startswith(word)]
        if not of_word:
            sys.exit(f"policies.py: no case begins with {word}")
        found.append(of_word[0])
    return found


def share(output):
    """Of all processes of the case that ended by exit."""
    counts = [(int(a), int(b)) for a, b in SERVED.findall(output)]
    return sum(a for a, _ in counts) / sum(b for _, b in counts) if counts else 0.0


def judge(room, case, options):
    plain = room.run(case, matrix.stable_environment())
    ours = room.run(case, preload.environment(options, matrix.stable_environment()))
    if ours != plain:
        return f"differs: {matrix.first_difference(plain, ours)}"
    # Python's own tests mind words on the standard error of their children; the case then fails, and says enough.
    try:
        spoken = room.run(case, preload.environment(options + ":verbose=1", matrix.stable_environment()))
    except cases.Broken as error:
        spoken = str(error).encode()
    if SERVED.search(spoken) and share(spoken) < matrix.LEAST_SHARE:
        return f"served by the policy: {share(spoken):.4f}"
    return None if SERVED.search(spoken) or not STARTED.search(spoken) else "no figures at the end"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--sources", default="mmap,sbrk,file")
    parser.add_argument("--only", nargs="+", default=PROGRAMS)
    options = parser.parse_args()
    policies, sources, programs = options.policies.split(","), options.sources.split(","), options.only
    if options.fast:
        policies, sources, programs = ["first-fit", "tlsf"], ["sbrk"], ["lua5.4"]
    failed = spoke = 0
    with tempfile.TemporaryDirectory(prefix="loam-policies-", dir="/var/tmp") as base:
        room = matrix.Room(base)
        for case in chosen_cases(programs):
            gone = matrix.missing(case)
            for policy in policies:
                for source in sources:
                    where = f"file:{base}/heap" if source == "file" else source
                    try:
                        wrong = f"not installed: {gone}" if gone else judge(room, case, f"policy={policy}:source={where}")
                    except (cases.Broken, OSError) as error:
                        wrong = str(error)
                    spoke += wrong is None
                    failed += wrong is not None
                    print(f"{'FAIL' if wrong else 'ok':5} {case.name}, {policy}, {source}" + (f": {wrong}" if wrong else ""),
                          flush=True)
    return 1 if failed or not spoke else 0


if __name__ == "__main__":
    sys.exit(main())
