"""Exports read by the tools that they are for: go tool pprof, heaptrack_print, speedscope in Chromium, DuckDB; and heaptrack's own files read
by loam. Needs Debian's golang-go, heaptrack, chromium and npm."""
import json
import os
import re
import shutil
import unittest

import exports
from exports import Case, run

PPROF = ["go", "tool", "pprof", "-symbolize=none"]


class GoPprof(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.export("pprof", "shapes.pb.gz")

    def top(self, index, unit=()):
        """function -> (flat, cumulative), and what the head says of the total."""
        text = run(*PPROF, "-top", f"-sample_index={index}", "-nodefraction=0", "-nodecount=1000", *unit, self.path("shapes.pb.gz")).stdout
        rows = re.findall(r"^\s*(\d+)B?\s+[\d.]+%\s+[\d.]+%\s+(\d+)B?\s+[\d.]+%\s+(.*?)(?: \(inline\))?$", text, re.M)
        total = re.search(r"of (\d+)B? total", text)
        self.assertTrue(rows and total, text)
        return {name: (int(flat), int(whole)) for flat, whole, name in rows}, int(total[1])

    def test_top(self):
        truth = self.truth
        for index, total, keep, spend in (("alloc_objects", truth.calls, 100, 1000), ("alloc_space", truth.bytes, 100000, 64000),
                                          ("inuse_objects", truth.left_blocks, 100, None), ("inuse_space", truth.left, 100000, None),
                                          ("peak_space", truth.peak, 100000, None)):
            with self.subTest(index=index):
                rows, told = self.top(index, ["-unit=B"] if index.endswith("space") else [])
                self.assertEqual(told, total)
                self.assertEqual(rows["make_inlined"][0], keep)
                self.assertEqual(rows["keep"], (0, keep))
                self.assertEqual(rows["spend"][1] if "spend" in rows else None, spend)

    def test_lines_and_mappings(self):
        text = run(*PPROF, "-raw", self.path("shapes.pb.gz")).stdout
        self.assertRegex(text, r"make_inlined \S*shapes\.c:\d+")
        self.assertRegex(text, rf"\d: 0x[0-9a-f]+/0x[0-9a-f]+/0x0 {re.escape(exports.SHAPES)} [0-9a-f]* \[FN\]\[FL\]\[LN\]\[IN\]")
        self.assertNotIn("warning", text.lower())

    def test_difference_of_two(self):
        text = run(*PPROF, "-top", "-sample_index=alloc_space", f"-diff_base={self.path('shapes.pb.gz')}", self.path("shapes.pb.gz")).stdout
        self.assertRegex(text, r"Showing nodes accounting for 0, ")


def heaptrack_print(file):
    """(calls, peak, leaked) in bytes as far as its rounding tells, which is to two digits behind the point in thousands."""
    text = run("heaptrack_print", "--disable-builtin-suppressions", "-f", file).stdout
    scale = {"B": 1, "K": 1e3, "M": 1e6, "G": 1e9}

    def bytes_of(name):
        number, unit = re.search(rf"{name}: ([\d.]+)([BKMG])", text).groups()
        return float(number) * scale[unit]
    return int(re.search(r"calls to allocation functions: (\d+)", text)[1]), bytes_of("peak heap memory consumption"), \
        bytes_of("total memory leaked"), text


class HeaptrackPrint(Case):
    def same(self, told, calls, peak, left):
        self.assertEqual(told[0], calls)
        for shown, true in ((told[1], peak), (told[2], left)):
            self.assertAlmostEqual(shown, true, delta=0.0051 * 10 ** (3 * ((len(str(true)) - 1) // 3)))

    def test_reads_what_is_exported(self):
        for ending in ("gz", "zst", "txt"):
            self.export("heaptrack", f"shapes.{ending}")
            told = heaptrack_print(self.path(f"shapes.{ending}"))
            self.same(told, self.truth.calls, self.truth.peak, self.truth.left)
            self.assertRegex(told[3], r"1000 calls to allocation functions with 0B peak consumption from\nspend\n")
            self.assertRegex(told[3], r"\nmake_inlined\n\s+at \S*shapes\.c:\d+\n\s+in \S*/shapes\nkeep\n\s+at \S*shapes\.c:\d+\n")

    def test_its_own_file_has_the_same_sums_here(self):
        for program in ([exports.SHAPES], ["perl", "-e", "my %h; $h{$_ % 1000} = 'x' x ($_ % 300) for 1..20000; print scalar %h"]):
            with self.subTest(program=program[0]):
                run("heaptrack", "-o", self.path("own"), *program)
                told = heaptrack_print(self.path("own.zst"))
                done = run(exports.LOAM, "export", "--format", "json", self.path("own.zst"))
                here = json.loads(done.stdout)["summary"]
                self.same(told, here["allocations"], here["peak"]["bytes"], here["left"]["bytes"])
                replayed = json.loads(run(exports.LOAM, "replay", "--policy", "first-fit", "--format", "json", self.path("own.zst")).stdout)
                self.assertEqual((replayed["allocations"], replayed["peak_live_bytes"], replayed["never_freed_bytes"]),
                                 (here["allocations"], here["peak"]["bytes"], here["left"]["bytes"]))
                run(exports.LOAM, "report", "--output", self.path("own.html"), self.path("own.zst"))


class WithNode(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.web = cls.path("web")
        shutil.copytree(exports.HERE / "web", cls.web, ignore=shutil.ignore_patterns("node_modules"))
        run("npm", "ci", "--no-audit", "--no-fund", cwd=cls.web)

    def node(self, script, *words):
        return json.loads(run("node", os.path.join(self.web, script), *words, cwd=self.web).stdout)

    def test_speedscope(self):
        self.export("speedscope", "shapes.speedscope.json")
        seen = self.node("speedscope.mjs", self.path("shapes.speedscope.json"))
        self.assertEqual(seen["faults"], [])
        told = seen["told"]
        self.assertEqual(list(told), ["bytes allocated", "allocations", "bytes at the peak", "bytes never freed", "temporary allocations"])
        self.assertRegex(told["bytes allocated"]["keep"][0], r"^97\.66 KB \(")
        self.assertRegex(told["bytes allocated"]["make_inlined"][1], r"^97\.66 KB \(")
        self.assertRegex(told["allocations"]["spend"][0], r"^1,?000 \(")
        self.assertNotIn("spend", told["bytes never freed"])

    def test_duckdb(self):
        self.export("csv", "events.csv")
        for name in ("events.csv", "events.csv.gz", "events.csv.zst"):
            self.export("csv", name)
            table = f"read_csv('{self.path(name)}')"
            sums, types = self.node(
                "duckdb.mjs", f"select count(*), sum(size) from {table} where event = 'allocate'",
                f"select column_name, column_type from (describe select * from {table})")
            self.assertEqual([int(number) for number in sums[0]], [self.truth.calls, self.truth.bytes])
            self.assertEqual(dict(types), {"time_us": "BIGINT", "thread": "BIGINT", "event": "VARCHAR", "address": "BIGINT",
                                           "size": "BIGINT", "alignment": "BIGINT", "stack": "BIGINT", "resize": "BIGINT"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
