"""`loam compare -- PROGRAM`: every allocator once, the same output, and whoever differs is named."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

LOAM = os.environ["LOAM_BIN"]
SITE = pathlib.Path(os.environ["LOAM_BUILD_DIR"]) / "bin/compare/plain/site"
ONE = ("--policy", "none", "--source", "mmap", "--allocator", "none", "--rounds", "1")
POLICIES = ["first-fit", "next-fit", "best-fit", "worst-fit", "buddy", "segregated", "tlsf"]


def run_loam(*words, status=0):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([LOAM, "compare", *map(str, words)], env=preload.plain_environment() | {"TMPDIR": folder}, text=True,
                              capture_output=True, timeout=120, check=False)
        left = os.listdir(folder)
    if done.returncode != status or left:
        raise AssertionError(f"{words}: status {done.returncode}, left {left}, {done.stdout}{done.stderr}")
    return done


class Runs(unittest.TestCase):
    def test_everything_once(self):
        report = json.loads(run_loam("--format", "json", "--rounds", "1", "--", SITE, "50").stdout)
        candidates = {of["name"]: of for of in report["candidates"]}
        self.assertEqual(report["candidates"][0]["name"], "glibc")
        for source in ("mmap", "sbrk", "file"):
            for name in ("loam", *POLICIES):
                of = candidates[f"{name} {source}"]
                self.assertEqual((of["allocator"], of["source"]), ("loam", source))
                self.assertEqual(of["policy"], None if name == "loam" else name)
        for of in report["candidates"]:
            self.assertTrue(of["same_ending"] and of["same_output"], of)
            self.assertEqual(len(of["runs"]), 1)
            for key in ("wall_ns", "peak_rss_bytes", "minor_faults"):
                self.assertGreater(of["median"][key], 0, of["name"])

    def test_rounds_lists_and_libraries(self):
        library = preload.library()
        done = run_loam("--format", "json", "--policy", "tlsf,buddy", "--source", "sbrk", "--rounds", "2",
                        "--allocator", f"mine={library},{library}", "--", "echo", "hello")
        report = json.loads(done.stdout)
        self.assertEqual([of["name"] for of in report["candidates"]],
                         ["glibc", "glibc again", "mine", library.name.removeprefix("lib").split(".so")[0], "loam sbrk", "tlsf sbrk", "buddy sbrk"])
        self.assertEqual({len(of["runs"]) for of in report["candidates"]}, {2})
        self.assertEqual(report["output_bytes"], 6)

    def test_who_serves(self):
        """What a program can see of its allocator: the output differs for everybody but glibc."""
        probe = "import os; print('libloam' in open('/proc/self/maps').read(), os.environ.get('LOAM_OPTIONS'))"
        done = run_loam("--policy", "buddy", *ONE[2:], "--format", "json", "--", sys.executable, "-c", probe, status=1)
        differing = [of["name"] for of in json.loads(done.stdout)["candidates"] if not of["same_output"]]
        self.assertEqual(differing, ["loam mmap", "buddy mmap"])

    def test_a_program_that_fails_under_one(self):
        script = 'case "$LD_PRELOAD" in *loam*) echo broken >&2; exit 3;; esac; echo fine'
        done = run_loam(*ONE, "--", "sh", "-c", script, status=1)
        self.assertRegex(done.stdout, r"\n  glibc .* same\n")
        self.assertRegex(done.stdout, r"\n  loam mmap .* exit status 3\n")
        self.assertIn("under loam mmap it said:\n    broken\n", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_a_program_that_always_fails(self):
        done = run_loam(*ONE, "--", "sh", "-c", "echo no such thing >&2; exit 7")
        self.assertIn("it ends there with exit status 7", done.stdout)
        self.assertIn("under glibc it said:\n    no such thing\n", done.stdout)

    def test_output_that_never_is_the_same(self):
        done = run_loam(*ONE, "--", "sh", "-c", "echo $$")
        self.assertIn("its output differs from run to run under glibc already", done.stdout)

    def test_input_is_read_anew(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("three\nlines\nhere\n")
            file.flush()
            report = json.loads(run_loam(*ONE, "--input", file.name, "--format", "json", "--", "cat").stdout)
        self.assertEqual(report["output_bytes"], 17)
        self.assertTrue(all(of["same_output"] for of in report["candidates"]))

    def test_refusals(self):
        self.assertIn("no policy is called", run_loam("--policy", "tight-fit", "--", "true", status=2).stderr)
        self.assertIn("no source is called", run_loam("--source", "tape", "--", "true", status=2).stderr)
        self.assertIn("unknown allocator", run_loam("--allocator", "nobody", "--", "true", status=2).stderr)
        self.assertIn("not both", run_loam("a.loam", "--", "true", status=2).stderr)
        self.assertIn("cannot run", run_loam(*ONE, "--", "/nowhere/at/all", status=127).stderr)
        self.assertIn("cannot open", run_loam(*ONE, "--input", "/nowhere", "--", "true", status=1).stderr)

    def test_stops_when_asked_to(self):
        with tempfile.TemporaryDirectory() as folder:
            tool = subprocess.Popen([LOAM, "compare", *ONE, "--", "sh", "-c", "echo > started; exec sleep 60"], cwd=folder,
                                    env=preload.plain_environment() | {"TMPDIR": folder}, stderr=subprocess.PIPE, text=True)
            while not os.path.exists(os.path.join(folder, "started")):
                self.assertIsNone(tool.poll())
            tool.terminate()
            _, errors = tool.communicate(timeout=30)
            self.assertEqual(tool.returncode, 1)
            self.assertIn("stopped by signal 15", errors)
            self.assertEqual(os.listdir(folder), ["started"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
