"""`loam replay` on what mtrace() writes: places that can be worked out by hand, and files that are none."""
import contextlib
import json
import os
import pathlib
import tempfile
import unittest

import support
from support import loam

POLICIES = ["first-fit", "next-fit", "best-fit", "worst-fit", "buddy", "segregated", "tlsf"]


@contextlib.contextmanager
def one_processor():
    """What is started inside has one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Replay(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "trace"

    def replay(self, lines, *options):
        self.file.write_text("= Start\n" + "\n".join(lines) + "\n= End\n")
        done = loam("replay", self.file, "--format", "json", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        return report, {of["policy"]: of for of in report["policies"]}

    def test_all_policies_in_order(self):
        report, _ = self.replay(["@ ./a:[0x1] + 0x10 0x64", "@ ./a:[0x1] - 0x10"])
        self.assertEqual([of["policy"] for of in report["policies"]], POLICIES)
        self.assertEqual((report["allocations"], report["frees"], report["peak_live_bytes"]), (1, 1, 100))
        self.assertEqual(report["never_freed_bytes"], 0)

    def test_parts_of_the_overhead(self):
        # Ten blocks of 20 bytes: with the header 28, in blocks of 32.
        lines = [f"@ ./a b:[0x1] + 0x{i}0 0x14" for i in range(1, 10)] + ["@ ./a:[0x1] + 0xff0 0x14"]
        _, policies = self.replay(lines, "--policy", "first-fit,buddy", "--shrink", "0")
        for of in policies.values():
            parts = of["at_most_live"]
            self.assertEqual((parts["header_bytes"], parts["padding_bytes"]), (80, 40))
            self.assertEqual(parts["heap_bytes"], 65536)
            self.assertEqual(parts["free_bytes"], 65536 - 320)
        self.assertAlmostEqual(policies["buddy"]["fragmentation"]["of_peaks"], 65536 / 200 - 1)

    def test_the_break_is_held_by_one_block(self):
        # A megabyte, and one small block on top of it that stays.
        lines = ["@ ./a:[0x1] + 0x10 0x100000", "@ ./a:[0x1] + 0x20 0x10", "@ ./a:[0x1] - 0x10"]
        _, policies = self.replay(lines, "--policy", "first-fit")
        end = policies["first-fit"]["at_end"]
        self.assertLess(end["break_can_return_bytes"], 65536)
        self.assertGreater(end["mappings_can_return_bytes"], 1_000_000)
        self.assertEqual(policies["first-fit"]["shrinks"], 0)

    def test_first_fit_takes_the_lowest_and_best_fit_the_tightest(self):
        # A hole of 4096 and, above it, one of 1024; then 1000 bytes and 4000 are asked for.
        lines = ["@ a + 0x1 0xff0", "@ a + 0x2 0x10", "@ a + 0x3 0x3f0", "@ a + 0x4 0xefe0",
                 "@ a - 0x1", "@ a - 0x3", "@ a + 0x5 0x3e8", "@ a + 0x6 0xfa0"]
        _, policies = self.replay(lines, "--policy", "first-fit,best-fit", "--header", "0", "--grow", "4096")
        self.assertGreater(policies["first-fit"]["peak_heap_bytes"], policies["best-fit"]["peak_heap_bytes"])

    def test_big_blocks_apart(self):
        # One byte more than 32 pages with the header, made larger without a copy, then small again.
        lines = ["@ a + 0x1 0x1fff9", "@ a < 0x1", "@ a > 0x1 0x40000", "@ a < 0x1", "@ a > 0x2 0x100", "@ a - 0x2"]
        _, policies = self.replay(lines, "--policy", "first-fit,best-fit", "--big", "4096")
        for of in policies.values():
            self.assertEqual(of["moves"], 1)
            self.assertEqual(of["moved_bytes"], 0x100)
            # 0x40000 bytes and a header in whole pages.
            self.assertEqual(of["peak_heap_bytes"], 0x41000)
        _, policies = self.replay(["@ a + 0x1 0x1ffff"], "--policy", "tlsf", "--big", "131072")
        self.assertEqual(policies["tlsf"]["peak_heap_bytes"], 0x30000, "smaller ones are the region's")

    def test_sources(self):
        lines = ["@ a + 0x1 0x100000", "@ a - 0x1"]
        _, by_break = self.replay(lines, "--policy", "first-fit", "--source", "sbrk")
        _, by_map = self.replay(lines, "--policy", "first-fit", "--source", "mmap")
        self.assertEqual((by_break["first-fit"]["shrinks"], by_map["first-fit"]["shrinks"]), (1, 0))
        self.assertGreater(by_map["first-fit"]["at_end"]["mappings_can_return_bytes"], 0x100000)
        self.assertLess(by_break["first-fit"]["at_end"]["heap_bytes"], 0x20000)
        text = loam("replay", self.file, "--policy", "first-fit", "--source", "file").stdout
        self.assertRegex(text, r"Pages from file\n +calls +heap at end +free +returnable +stranded\n +first-fit +2 ")

    def test_reallocs(self):
        lines = ["@ a + 0x1 0x20", "@ a < 0x1", "@ a > 0x1 0x2000", "@ a + 0x2 0x20", "@ a < 0x1", "@ a > 0x3 0x4000",
                 "@ a - 0x3", "@ a - 0x2"]
        report, policies = self.replay(lines)
        self.assertEqual((report["resizes"], report["allocations"], report["frees"]), (2, 2, 2))
        self.assertEqual(policies["first-fit"]["moves"], 1, "the first in place, the second behind a live block")
        self.assertEqual(policies["first-fit"]["moved_bytes"], 0x2000 + 8)

    def test_what_makes_no_sense_is_counted(self):
        report, _ = self.replay(["@ a + 0x1 0x20", "@ a - 0x77", "rubbish", "@ a + 0x1 0x20"])
        self.assertEqual(report["skipped_lines"], 3)
        self.assertEqual(report["allocations"], 2)

    def test_recommends(self):
        report, policies = self.replay([f"@ a + 0x{i + 1:x} 0x{0x90 + i:x}" for i in range(3000)])
        least = min(of["peak_heap_bytes"] for of in policies.values())
        self.assertLessEqual(report["recommended"]["heap_limit_bytes"], least * 1.01)

    def test_text(self):
        self.file.write_text("= Start\n@ a + 0x1 0x20\n")
        done = loam("replay", self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in (*POLICIES, "JW 4", "Recommended"):
            self.assertIn(word, done.stdout)
        self.assertRegex(done.stdout, r"to read, to the end of\n  all these: [\d.]+ s, [\d.]+ M op/s under each")

    def test_many_pieces_are_as_one(self):
        # Pieces are read while the ones before are placed, on as many processors as there are: the figures are those of one.
        lines = []
        for i in range(150_000):
            lines.append(f"@ a + 0x{(i + 1) * 16:x} 0x{16 + i * 7919 % 500:x}")
            if i % 3:
                lines.append(f"@ a - 0x{(i - i % 3 + 1) * 16 + (i % 3 - 1) * 16:x}")
        _, together = self.replay(lines)
        for policy in POLICIES:
            report, alone = self.replay(lines, "--policy", policy)
            with one_processor():
                _, on_one = self.replay(lines, "--policy", policy)
            for key in set(alone[policy]) - {"operations_per_second"}:
                self.assertEqual(alone[policy][key], together[policy][key], f"{policy}: {key}")
                self.assertEqual(on_one[policy][key], together[policy][key], f"{policy} on one processor: {key}")
            self.assertGreater(report["wall_s"], 0)
            self.assertGreater(report["reading_cpu_s"], 0)

    def test_refusals(self):
        self.assertEqual(loam("replay", "/nonexistent/trace").returncode, 1)
        self.file.write_text("something else\n")
        done = loam("replay", self.file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("neither a recording nor", done.stderr)
        self.file.write_text("= Start\n")
        self.assertEqual(loam("replay", self.file, "--policy", "tight-fit").returncode, 2)
        self.assertEqual(loam("replay", self.file, "--alignment", "24").returncode, 2)


if __name__ == "__main__":
    support.main()
