"""`loam bench`: refusals, the proof of who serves malloc, the reports."""
import json
import math
import os
import pathlib
import tempfile
import unittest

import support
from support import LIBRARY, bench


class Refusals(unittest.TestCase):
    def refused(self, message, *arguments):
        done = bench(*arguments)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_unknown_allocator(self):
        self.refused('unknown allocator "nosuch"', "--allocators", "nosuch")

    def test_missing_library(self):
        self.refused('allocator mine: no file "/nonexistent.so"', "--allocators", "mine=/nonexistent.so")

    def test_twice(self):
        self.refused('"glibc" is named twice', "--allocators", "glibc,glibc")

    def test_no_such_row(self):
        self.refused('no row\'s name contains "nosuchrow"', "--only", "nosuchrow", "--allocators", "glibc")

    def test_no_rounds(self):
        self.refused("--rounds", "--rounds", "0")


class Proof(unittest.TestCase):
    def test_workload_served_by_another(self):
        done = bench("--only", "calloc", "--quick", "--allocators", "fake=" + support.library_without_malloc())
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"row calloc under fake: malloc was served by .*libc")

    def test_program_bound_to_another(self):
        done = bench("--only", "bash", "--quick", "--allocators", "fake=" + support.library_without_malloc())
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"row bash under fake: \w+ of \S+ is bound to \S*libc")


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "report.json")
            cls.done = bench("--only", "bash", "--rounds", "2", "--allocators", "loam=%s,glibc" % LIBRARY,
                             "--format", "json", "--output", output)
            cls.report = json.loads(pathlib.Path(output).read_text("utf-8")) if cls.done.returncode == 0 else None

    def test_runs(self):
        self.assertEqual(self.done.returncode, 0, self.done)
        self.assertEqual(self.report["schema"], "loam-bench/1")
        self.assertEqual([c["name"] for c in self.report["contestants"]], ["loam", "glibc", "glibc again"])
        self.assertEqual([row["name"] for row in self.report["rows"]], ["bash"])

    def test_samples(self):
        for result in self.report["rows"][0]["results"].values():
            self.assertEqual(len(result["samples"]), 2)
            for sample in result["samples"]:
                self.assertGreater(sample["cpu_s"], 0.01)
                self.assertGreater(sample["peak_rss_kib"], 1000)
                self.assertGreater(sample["minor_faults"], 10)

    def test_ratio_is_of_medians(self):
        results = self.report["rows"][0]["results"]
        unit = "cycles" if self.report["cost_unit"] == "cycles" else "cpu_s"
        cost = {name: sum(s[unit] for s in result["samples"]) / 2 for name, result in results.items()}
        self.assertTrue(math.isclose(results["loam"]["cost_ratio"], cost["loam"] / cost["glibc"], rel_tol=1e-6))
        expected = abs(math.log(cost["glibc again"] / cost["glibc"]))
        self.assertTrue(math.isclose(math.log(1 + self.report["rows"][0]["noise"]), expected, abs_tol=1e-6))

    def test_missing_counter_has_a_reason(self):
        if self.report["cost_unit"] == "cycles":
            self.assertIsNone(self.report["cost_reason"])
        else:
            self.assertIn("perf_event_open", self.report["cost_reason"])
            self.assertIsNone(self.report["rows"][0]["results"]["loam"]["samples"][0]["cycles"])

    def test_text(self):
        done = bench("--only", "bash", "--quick", "--allocators", "loam=%s,glibc" % LIBRARY)
        self.assertEqual(done.returncode, 0, done)
        for part in ("\nCost\n", "\nPeak RSS\n", "geomean all", "without its best row", "Noise of this run"):
            self.assertIn(part, done.stdout)


class StackHeap(unittest.TestCase):
    def test_cells(self):
        done = bench("stack-heap", "--allocators", "loam=" + LIBRARY, "--format", "json")
        self.assertEqual(done.returncode, 0, done)
        cells = {(c["placement"], c["lifetime"], c["size"]): c for c in json.loads(done.stdout)["cells"]}
        sizes = {size for _, _, size in cells}
        self.assertEqual(len(cells), 4 * 3 * len(sizes))
        self.assertIn("ends with its function", cells["array", "outliving", 64]["reason"])
        arena = cells["arena", "outliving", 64]
        self.assertEqual(arena["stride"], 64)
        self.assertEqual(arena["kernel_calls_per_1000"], 0)
        self.assertIsNone(cells["array", "call", 64]["stride"])
        heap = cells["malloc", "outliving", 64]
        self.assertGreaterEqual(heap["stride"], 64)
        self.assertIsNone(heap["reason"])
        self.assertGreater(heap["ns"], 1)
        self.assertTrue(heap["cache_misses_per_1000"] is not None or "perf_event_open" in heap["cache_reason"])


if __name__ == "__main__":
    unittest.main()
