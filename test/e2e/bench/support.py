"""What the tests of the benchmark share: where its programs are, and how to run them."""
import ctypes.util
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("LOAM_BUILD_DIR") or ROOT / "build")
LOAM = str(BUILD / "bin/loam")
HELPERS = BUILD / "libexec/loam"
LIBRARY = str(BUILD / "lib/libloam.so")


def run(*command, **more):
    """Runs a program; text in and out."""
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "LOAM_OPTIONS")}
    return subprocess.run([str(word) for word in command], env=env, text=True, capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, **more)


def bench(*arguments):
    return run(LOAM, "bench", *arguments)


def library_without_malloc():
    """A library that every system has and that defines no malloc."""
    name = ctypes.util.find_library("m")
    for folder in ("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib"):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise FileNotFoundError(name)
