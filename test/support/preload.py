#!/usr/bin/env python3
"""Runs a program on the library under test, and helps the test runners to do so.

The library is the one named by LOAM_LIB, or build/lib/libloam.so of this source tree.
As a program: preload.py [--options KEY=VALUE:...] PROGRAM [ARGUMENT ...]; the exit status is the program's.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def library():
    """The library under test; a missing one ends the test, since a preload that fails is silent."""
    path = pathlib.Path(os.environ.get("LOAM_LIB") or ROOT / "build/lib/libloam.so").resolve()
    if not path.exists():
        sys.exit(f"preload.py: {path} does not exist: build it, or name it in LOAM_LIB")
    return path


def environment(options="", base=None):
    """The environment that puts the library under a program, with LOAM_OPTIONS as given."""
    env = dict(os.environ if base is None else base)
    env["LD_PRELOAD"] = str(library())
    env.pop("LOAM_OPTIONS", None)
    if options:
        env["LOAM_OPTIONS"] = options
    return env


def plain_environment(base=None):
    """The environment without the library."""
    env = dict(os.environ if base is None else base)
    for name in ("LD_PRELOAD", "LOAM_OPTIONS"):
        env.pop(name, None)
    return env


def main(words):
    options = ""
    if words[:1] == ["--options"] and len(words) > 1:
        options, words = words[1], words[2:]
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    status = subprocess.run(words, env=environment(options), check=False).returncode
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
