"""`loam replay` where it runs programs: a recording's operations on real allocators, and what it recommends carried out."""
import json
import os
import pathlib
import tempfile
import unittest

import support
from support import PROGRAMS, loam

LIBRARY = os.environ["LOAM_LIB"]
STORM = pathlib.Path(os.environ["LOAM_BUILD_DIR"]) / "bin/record/storm"


class Allocators(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / "trace"

    def replay(self, file, allocators, *options):
        done = loam("replay", file, "--policy", "none", "--format", "json", "--allocator", allocators, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["policies"], [])
        return report, {of["allocator"]: of for of in report["allocators"]}

    def trace(self, lines):
        self.file.write_text("= Start\n" + "\n".join(lines) + "\n")
        return self.file

    def test_each_by_its_own_library(self):
        lines = [f"@ a + 0x{i:x} 0x{8 * i:x}" for i in range(1, 2000)] + [f"@ a - 0x{i:x}" for i in range(1, 2000, 2)]
        report, by_name = self.replay(self.trace(lines), f"glibc,loam,own={LIBRARY}", "--rounds", "2")
        self.assertEqual(list(by_name), ["glibc", "loam", "own"])
        for name, of in by_name.items():
            self.assertEqual(len(of["rounds"]), 2, name)
            self.assertEqual((of["broken_blocks"], [one["refused"] for one in of["rounds"]]), (0, [0, 0]), name)
            # 16 MB are asked for, and every page of it is written to.
            self.assertGreater(of["peak_rss_bytes"], 16_000_000, name)
            self.assertGreater(of["faults"], 100, name)
        self.assertTrue(by_name["loam"]["library"].endswith("libloam.so.0.1.0"))
        self.assertIn(report["recommended_allocator"]["allocator"], by_name)

    def test_a_path_is_named_by_its_file(self):
        _, by_name = self.replay(self.trace(["@ a + 0x1 0x10"]), f"{PROGRAMS}/libtwice.so", "--rounds", "1")
        self.assertEqual(list(by_name), ["twice"])

    def test_kernel_calls_are_those_of_the_operations(self):
        # glibc gives a block of 4 MiB a mapping of its own, makes it larger by mremap, and takes it away at its free.
        lines = ["@ a + 0x1 0x400000", "@ a < 0x1", "@ a > 0x1 0x800000", "@ a - 0x1"]
        _, by_name = self.replay(self.trace(lines), "glibc", "--rounds", "1")
        calls = by_name["glibc"]["kernel_calls"]
        self.assertLessEqual(calls.pop("brk"), 2, "for its own tables, at the first call")
        self.assertEqual(calls, {"mmap": 1, "munmap": 1, "mremap": 1, "madvise": 0, "mprotect": 0})

    def test_sizes_and_alignments_that_need_more_bits(self):
        lines = ["@ a + 0x1 0x20000000", "@ a + 0x2 0x0", "@ a < 0x2", "@ a > 0x2 0x5000", "@ a - 0x1", "@ a - 0x2"]
        _, by_name = self.replay(self.trace(lines), "glibc", "--rounds", "1")
        of = by_name["glibc"]
        self.assertGreater(of["peak_rss_bytes"], 0x20000000)
        self.assertEqual((of["broken_blocks"], of["rounds"][0]["refused"]), (0, 0))

    def test_threads_in_the_recorded_order(self):
        file = self.folder / "storm.loam"
        done = loam("record", "--output", file, "--", STORM, 4, 20000)
        self.assertEqual(done.returncode, 0, done.stderr)
        for options in ([], ["--threads"]):
            _, by_name = self.replay(file, "glibc,loam", "--rounds", "2", *options)
            for of in by_name.values():
                self.assertEqual((of["broken_blocks"], of["rounds"][0]["refused"]), (0, 0))

    def test_recorded_times(self):
        file = self.folder / "slow.loam"
        done = loam("record", "--output", file, "--", "/bin/sh", "-c", "sleep 0.3; exec /usr/bin/printf x")
        self.assertEqual(done.returncode, 0, done.stderr)
        slow = sorted(self.folder.glob("slow.loam*"))
        walls = []
        for one in slow:
            _, by_name = self.replay(one, "glibc", "--rounds", "1", "--speed", "0.5")
            walls.append(by_name["glibc"]["wall_s"])
        self.assertGreater(max(walls), 0.5, "half as fast as 0.3 seconds")

    def test_who_breaks_blocks_is_found(self):
        lines = [f"@ a + 0x{i:x} 0x309" for i in range(1, 4)] + ["@ a - 0x1", "@ a - 0x2"]
        _, by_name = self.replay(self.trace(lines), f"{PROGRAMS}/libtwice.so", "--rounds", "1")
        self.assertEqual(by_name["twice"]["broken_blocks"], 2)
        text = loam("replay", self.file, "--policy", "none", "--rounds", "1", "--allocator", f"{PROGRAMS}/libtwice.so").stdout
        self.assertIn("2 blocks did not hold what was written to them", text)

    def test_a_library_without_malloc(self):
        self.trace(["@ a + 0x1 0x10"])
        done = loam("replay", self.file, "--allocator", f"mine={PROGRAMS}/libloam-fake.so")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "replay under mine: malloc was served by .*libc")

    def test_refusals(self):
        self.trace(["@ a + 0x1 0x10"])
        for options in (["--threads"], ["--speed", "1"], ["--allocator", "nosuch"], ["--allocator", "glibc", "--speed", "x"],
                        ["--allocator", "glibc", "--rounds", "0"], ["--allocator", "/nonexistent/lib.so"]):
            self.assertEqual(loam("replay", self.file, *options).returncode, 2, options)


class Recommendation(unittest.TestCase):
    """Of a program with a site for an arena and one for a pool."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.file = os.path.join(folder.name, "sites.loam")
        done = loam("record", "--output", cls.file, "--", PROGRAMS / "sites")
        assert done.returncode == 0, done.stderr
        done = loam("replay", cls.file, "--format", "json", "--policy", "first-fit,best-fit", "--verify", "--source", "sbrk")
        assert done.returncode == 0, done.stderr
        cls.report = json.loads(done.stdout)
        cls.advice = cls.report["recommended"]["advice"]

    def test_sites(self):
        sites = {site["frames"][0]["function"]: site for site in self.advice["sites"]}
        self.assertEqual({name: site["manager"] for name, site in sites.items()}, {"make_message": "arena", "make_node": "pool"})
        self.assertEqual((sites["make_message"]["allocations"], sites["make_message"]["phases"]), (20000, 10))
        self.assertEqual((sites["make_node"]["allocations"], sites["make_node"]["peak_live_blocks"]), (10000, 100))

    def test_what_they_would_save(self):
        # All but a few chunks: 300 KiB in pieces of 64 KiB ten times, and two pages of nodes.
        self.assertGreater(self.report["operations"], 59000)
        self.assertLess(self.advice["managed"]["operations"], self.report["operations"] - 59000)
        for site in self.advice["sites"]:
            self.assertLess(site["operations_with_manager"], 150)

    def test_predicted_beside_measured(self):
        verified = self.report["recommended"]["verified"]
        self.assertIn("--policy", verified["command"])
        self.assertGreaterEqual(verified["served"], 0.99 * verified["allocations"])
        # The region grows by 128 KiB, and replay says where that ends, the run how far into it blocks reached.
        self.assertLess(abs(verified["predicted_region_bytes"] - verified["measured_region_bytes"]), 160 << 10)

    def test_text(self):
        text = loam("replay", self.file, "--policy", "first-fit", "--source", "mmap").stdout
        self.assertRegex(text, r"an arena for make_message \(sites.c:\d+\) < main \(sites.c:\d+\): 20,000 blocks that die together")
        self.assertRegex(text, r"a pool for make_node .*: 10,000 blocks of 48 bytes, at most 100 at once")
        self.assertIn("Pages from mmap", text)

    def test_without_a_program(self):
        with tempfile.NamedTemporaryFile("w") as trace:
            trace.write("= Start\n@ a + 0x1 0x10\n")
            trace.flush()
            self.assertEqual(loam("replay", trace.name, "--verify").returncode, 2)


if __name__ == "__main__":
    support.main()
