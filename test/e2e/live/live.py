"""What the tests of a running process share: starting one on the library, asking the tool, looking from outside."""
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

LOAM = os.environ.get("LOAM_BIN") or str(preload.ROOT / "build/bin/loam")
PROGRAMS = pathlib.Path(os.environ.get("LOAM_LIVE_PROGRAMS") or preload.ROOT / "build/bin/live")


def ask(pid, *arguments):
    """`loam stats PID`, finished."""
    return subprocess.run([LOAM, "stats", str(pid), *arguments], env=preload.plain_environment(), text=True,
                          capture_output=True, timeout=60, check=False)


def count(pid, what):
    """How many threads ("task"), descriptors ("fd") or mappings ("maps") the kernel lists."""
    path = pathlib.Path(f"/proc/{pid}/{what}")
    return len(path.read_text().splitlines()) if path.is_file() else len(list(path.iterdir()))


def seen_from_outside(pid):
    return {what: count(pid, what) for what in ("task", "fd", "maps")}


class Case(unittest.TestCase):
    def start(self, *command, options="", ready="ready", env=None, **more):
        """A process on the library that has said `ready` (any line beginning so), with the line's words."""
        env = env or preload.environment(options)
        process = subprocess.Popen([str(word) for word in command], env=env, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, **more)
        for cleanup in (process.wait, process.stdout.close, process.stdin.close, process.kill):
            self.addCleanup(cleanup)
        line = process.stdout.readline()
        self.assertTrue(line.startswith(ready), line)
        return process, line.split()

    def finish(self, process, text="go\n"):
        """What the process says when it gets its line of input; it must end well."""
        out, _ = process.communicate(text, timeout=60)
        self.assertEqual(process.returncode, 0)
        return out.strip()

    def figures(self, pid):
        done = ask(pid, "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["process"]

    def wait_until_alone(self, pid, before, seconds=60):
        """Nothing that the question brought may stay. Looks several times: a signal may still be on its way."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
            now = seen_from_outside(pid)
            quiet = quiet + 1 if now == before else 0
        self.assertEqual(quiet, 5, f"before: {before}, now: {now}")


def main():
    preload.library()
    for path in (LOAM, PROGRAMS):
        if not pathlib.Path(path).exists():
            sys.exit(f"{path} does not exist: build it first")
    unittest.main(verbosity=2)
