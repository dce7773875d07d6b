"""What the tests of the tool share: where the tool is, and how to run it."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
LOAM = os.environ.get("LOAM_BIN") or str(ROOT / "build/bin/loam")
PROGRAMS = pathlib.Path(os.environ.get("LOAM_TOOL_PROGRAMS") or ROOT / "build/bin/tool")
FAKE = str(PROGRAMS / "libloam-fake.so")


def plain_environment(**more):
    """The environment without anything that a loam around the test may have set."""
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "LOAM_OPTIONS", "NO_COLOR")}
    env.update({k: str(v) for k, v in more.items()})
    return env


def loam(*arguments, env=None, **more):
    """Runs the tool; text in and out."""
    return subprocess.run([LOAM, *map(str, arguments)], env=env or plain_environment(), text=True,
                          capture_output=True, timeout=60, stdin=subprocess.DEVNULL, errors="replace", **more)


def run_fake(*arguments, options=(), **more):
    """`loam run` with the stand-in for the runtime."""
    return loam("run", "--library", FAKE, *options, "--", *arguments, **more)


def stats_of(*arguments, options=(), **more):
    """The JSON report of a run with the stand-in, and the finished process."""
    done = run_fake(*arguments, options=("--stats", "--format", "json", *options), **more)
    start = done.stderr.find("{")
    return json.loads(done.stderr[start:]), done


def main():
    for path in (LOAM, FAKE):
        if not pathlib.Path(path).exists():
            sys.exit(f"{path} does not exist: build it first")
    unittest.main(verbosity=2)
