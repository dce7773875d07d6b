"""The tool and the real libloam.so together: what is reported must be what the program did."""
import json
import os
import sys
import tempfile
import unittest

import support
from support import loam

LIBRARY = os.environ.get("LOAM_LIB") or str(support.ROOT / "build/lib/libloam.so")
KNOWN = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
blocks = [libc.malloc(40000) for _ in range(1000)]
for block in blocks[:600]: libc.free(block)
"""


def report_of(*command, options=()):
    with tempfile.NamedTemporaryFile() as file:
        done = loam("run", "--library", LIBRARY, f"--stats={file.name}", "--format", "json", *options, "--", *command)
        return json.load(file), done


class Runtime(unittest.TestCase):
    def test_counts_are_those_of_the_program(self):
        """A thousand blocks of a size that nothing else in Python uses, six hundred freed."""
        base, _ = report_of(sys.executable, "-c", KNOWN.replace("1000", "0"))
        full, done = report_of(sys.executable, "-c", KNOWN)
        self.assertEqual(done.returncode, 0, done)
        before, after = base["processes"][0], full["processes"][0]
        sizes = [c["bytes"] for c in after["classes"]]
        wanted = min(size for size in sizes if size >= 40000)
        self.assertLessEqual(wanted, 40000 * 1.125, "waste by the size class")

        def count(process, name):
            return sum(c[name] for c in process["classes"] if c["bytes"] == wanted)

        self.assertAlmostEqual(count(after, "allocations") - count(before, "allocations"), 1000, delta=5)
        self.assertAlmostEqual(count(after, "frees") - count(before, "frees"), 600, delta=5)
        self.assertGreaterEqual(after["calls"]["peak_requested"] - before["calls"]["peak_requested"], 40_000_000 * 0.95)

    def test_without_advice_nothing_is_purged(self):
        """Two hundred MiB freed at once: above the mark at which free itself gives pages back."""
        freed = KNOWN.replace("1000", "5000").replace("600", "5000")
        advised, _ = report_of(sys.executable, "-c", freed)
        bare, done = report_of(sys.executable, "-c", freed, options=("--no-advice",))
        self.assertEqual(done.returncode, 0, done)
        purges = [r["processes"][0]["kernel"]["kinds"].get("madvise_dontneed", {}).get("calls", 0) for r in (advised, bare)]
        self.assertGreater(purges[0], 0)
        self.assertEqual(purges[1], 0)

    def test_verbose_says_what_was_chosen(self):
        def said(*options):
            return loam("run", "--library", LIBRARY, "--verbose", *options, "--", "true").stderr

        self.assertIn("loam: pages from mmap, free ones given back after 500 ms, huge ones where they pay; calls are not counted", said())
        self.assertIn("loam: pages from sbrk, without any advice; calls are not counted", said("--source", "sbrk", "--no-advice"))
        self.assertIn("loam: standing aside, the C library's malloc serves: the executable is named in 'deny'", said("--deny", "true"))

    def test_sums_agree(self):
        report, _ = report_of(sys.executable, "-c", "x = [bytes(i) for i in range(5000)]")
        (process,) = report["processes"]
        calls = process["calls"]
        self.assertEqual(calls["live_usable"] - calls["live_requested"], calls["padding_live"])
        self.assertGreaterEqual(calls["peak_requested"], calls["live_requested"])
        self.assertGreaterEqual(report["summary"]["served_share"], 0.99)
        self.assertEqual(process["kernel"]["calls"], sum(k["calls"] for k in process["kernel"]["kinds"].values()))

    def test_children_inherit_live_figures(self):
        report, _ = report_of("bash", "-c", "for i in 1 2 3; do (echo $i); done; true")
        for process in report["processes"]:
            if process["calls"]:
                self.assertLess(process["calls"]["peak_requested"], 1 << 40, process["executable"])
                self.assertLess(process["calls"]["live_requested"], 1 << 40, process["executable"])

    def test_every_source(self):
        with tempfile.TemporaryDirectory() as folder:
            for source, name in (("mmap", "mmap"), ("sbrk", "sbrk"), (f"file:{folder}/pages", "file")):
                report, done = report_of(sys.executable, "-c", "print(len(list(range(100000))))",
                                         options=("--source", source))
                self.assertEqual((done.returncode, done.stdout), (0, "100000\n"), done)
                process = report["processes"][0]
                self.assertEqual(process["source"], name)
                self.assertEqual(process["break"] is not None, source == "sbrk", process["reasons"])
            self.assertEqual(os.listdir(folder), [], "the file of the pages has no name left")

    def test_killed_and_exited_without_handlers(self):
        report, _ = report_of(sys.executable, "-c", "import os; x = [0] * 1000000; os._exit(3)")
        self.assertGreater(report["processes"][0]["calls"]["peak_requested"], 8_000_000)
        report, _ = report_of(sys.executable, "-c", "import os; x = [0] * 1000000; os.kill(os.getpid(), 9)")
        self.assertGreater(report["processes"][0]["calls"]["peak_requested"], 8_000_000)


if __name__ == "__main__":
    support.main()
