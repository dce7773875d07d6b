#!/usr/bin/env python3
"""Under placement policies: a storm of threads, forks and signal handlers ends well, and wrong frees are told.

policies.py [--bin FOLDER] [--policies NAME,NAME]
Exit status: 0 all as promised, 1 not.
"""
import argparse
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

POLICIES = "first-fit,next-fit,best-fit,worst-fit,buddy,segregated,tlsf"
SETTINGS = ("", ":source=sbrk:policy_header=8", ":policy_big=2000", ":policy_header=16")
WRONG = {
    "double_free": r"loam: double free of 0x[0-9a-f]+ \(\d+ bytes, span 0x[0-9a-f]+\+0x[0-9a-f]+, free\)\n",
    "free_interior": r"loam: invalid free of 0x[0-9a-f]+: \d+ bytes inside the block 0x[0-9a-f]+ .*\n",
}


def run(words, options):
    return subprocess.run(list(map(str, words)), env=preload.environment(options), capture_output=True, text=True, timeout=120,
                          check=False)


def faults(folder, policy):
    for settings in SETTINGS:
        done = run([folder / "policy_storm"], f"policy={policy}{settings}")
        if (done.returncode, done.stdout, done.stderr) != (0, "ok\n", ""):
            yield f"{policy}{settings}: status {done.returncode}: {done.stdout}{done.stderr}"
    for program, message in WRONG.items():
        done = run([folder / program, "--size", "48"], f"policy={policy}")
        last = done.stderr.splitlines(keepends=True)[-1] if done.stderr else ""
        if done.returncode != -signal.SIGABRT or not re.fullmatch(message, last):
            yield f"{program}, {policy}: status {done.returncode}: {done.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=preload.ROOT / "build/bin/programs")
    parser.add_argument("--policies", default=POLICIES)
    options = parser.parse_args()
    wrong = [fault for policy in options.policies.split(",") for fault in faults(options.bin, policy)]
    print("\n".join(wrong) or "all as promised")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
