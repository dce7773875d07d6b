#!/usr/bin/env python3
"""Programs under memory limits: ulimit -v, vm.overcommit_memory=2, a cgroup. They work, or get NULL and ENOMEM.

limits.py --program PROGRAM [--system]
--system adds the cases that change the system for their duration (overcommit, cgroup; both restored), and takes root.
Exit status: 0 all as promised, 1 not, 2 usage. A case that can't run here fails and says why; it is never skipped.
"""
import argparse
import contextlib
import os
import pathlib
import re
import resource
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import preload  # noqa: E402

MIB = 1 << 20
OVERCOMMIT = pathlib.Path("/proc/sys/vm/overcommit_memory")
RATIO = pathlib.Path("/proc/sys/vm/overcommit_ratio")
SOURCES = ("mmap", "sbrk", "file:/var/tmp/loam-limits-heap")


def run(program, bound, touch, prepare=None, options=""):
    """(MiB got, requests refused, what is wrong)"""
    done = subprocess.run([program, str(bound), str(touch)], env=preload.environment(options), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, preexec_fn=prepare, check=False)
    match = re.fullmatch(r"got (\d+) MiB, refused (\d+)\n", done.stdout)
    if done.returncode != 0 or not match or done.stderr:
        return 0, 0, f"status {done.returncode}, stdout {done.stdout!r}, stderr {done.stderr!r}"
    return int(match[1]), int(match[2]), ""


def address_space(size):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


def ulimit_v(program):
    """With 1 GiB of address space, 700 MiB are to be had, and 4 GiB are refused; with 64 MiB a program still starts."""
    for source in SOURCES:
        options = "source=" + source
        got, _, wrong = run(program, 700, 0, address_space(1024 * MIB), options)
        if not wrong and got < 700:
            wrong = f"only {got} MiB under a limit of 1 GiB"
        if not wrong:
            got, refused, wrong = run(program, 4096, 0, address_space(1024 * MIB), options)
        if not wrong and (refused == 0 or got > 1024):
            wrong = f"{got} MiB, {refused} refused under a limit of 1 GiB"
        if not wrong:
            got, _, wrong = run(program, 16, 1, address_space(64 * MIB), options)
        if not wrong and got < 16:
            wrong = f"only {got} MiB under a limit of 64 MiB"
        if wrong:
            return f"{options}: {wrong}"
    return ""


@contextlib.contextmanager
def setting(path, value):
    before = path.read_text()
    path.write_text(value)
    try:
        yield
    finally:
        path.write_text(before)


def strict_overcommit(program):
    """With strict accounting a heap that reserves more than it uses is refused early; RLIMIT_AS bounds the test itself."""
    if not os.access(OVERCOMMIT, os.W_OK):
        return "not run: vm.overcommit_memory can't be written here"
    with setting(RATIO, "95"), setting(OVERCOMMIT, "2"):
        for source in SOURCES:
            got, _, wrong = run(program, 600, 1, None, "source=" + source)
            if not wrong and got < 600:
                wrong = f"only {got} MiB"
            if wrong:
                return f"source={source}: {wrong}"
    return ""


def memory_group():
    """(folder for a new group, file of its limit, value to move a process) in cgroup v2 or v1, whichever is writable."""
    unified = pathlib.Path("/sys/fs/cgroup")
    if (unified / "cgroup.controllers").exists() and "memory" in (unified / "cgroup.controllers").read_text():
        return unified / "loam-test", "memory.max", unified / "cgroup.subtree_control"
    if (unified / "memory").is_dir():
        return unified / "memory/loam-test", "memory.limit_in_bytes", None
    return None, None, None


def cgroup(program):
    """100 MiB live at a time work within a group of 256 MiB, over and over, because freed memory goes back."""
    group, limit, control = memory_group()
    if group is None:
        return "not run: no memory controller in /sys/fs/cgroup"
    try:
        if control is not None:
            control.write_text("+memory")
        group.mkdir(exist_ok=True)
        (group / limit).write_text(str(256 * MIB))
    except OSError as error:
        return f"not run: the cgroup can't be made: {error}"
    try:
        def enter():
            (group / "cgroup.procs").write_text(str(os.getpid()))
        got, _, wrong = run(program, 100, 1, enter)
        return wrong or ("" if got >= 100 else f"only {got} MiB")
    finally:
        group.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--system", action="store_true")
    options = parser.parse_args()
    cases = [ulimit_v] + ([strict_overcommit, cgroup] if options.system else [])
    failures = 0
    for case in cases:
        try:
            wrong = case(options.program)
        except subprocess.TimeoutExpired:
            wrong = "hangs"
        print(f"{'FAIL' if wrong else 'ok':5} {case.__name__}{': ' + wrong if wrong else ''}")
        failures += bool(wrong)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
