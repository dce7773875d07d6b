"""heaptrack's files, out and in: what is exported is such a file, and reading one gives the same sums."""
import gzip
import json
import os
import random
import unittest

import exports
from exports import Case, Heaptrack

# Of two call paths, one inlined; version 2, in which strings have no length. Three blocks are left of a, one of b is temporary.
SMALL = """v 10200 2
X ./small --with words
I 1000 5e2922
s /opt/small
s main
s /src/small.c
s make
s keep
i 401000 1 2 3 14
t 1 0
i 401100 1 4 3 5 5 3 1e
t 2 1
a 64 2
+ 0
+ 0
c 5
a 3e8 1
+ 1
- 1
+ 0
R 400
c 1f4
# strings: 5
"""


class Written(Case):
    def test_sums(self):
        for name in ("shapes.gz", "shapes.txt"):
            self.export("heaptrack", name)
        with gzip.open(self.path("shapes.gz"), "rt", encoding="utf-8") as file:
            text = file.read()
        with open(self.path("shapes.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), text)
        told = Heaptrack(text)
        truth = self.truth
        self.assertEqual((told.calls, told.peak, told.left), (truth.calls, truth.peak, truth.left))
        self.assertEqual(text.splitlines()[:2], ["v 10400 3", f"X {exports.SHAPES}"])
        self.assertLessEqual({"keep", "make_inlined", "main", exports.SHAPES}, set(told.strings))
        self.assertGreater(told.resident, truth.peak)

    def test_and_read_again(self):
        self.export("json", "before.json")
        with open(self.path("before.json"), encoding="utf-8") as file:
            before = json.load(file)
        for ending in ("gz", "zst", "txt"):
            self.export("heaptrack", f"again.{ending}")
            self.export("json", "after.json", self.path(f"again.{ending}"))
            with open(self.path("after.json"), encoding="utf-8") as file:
                after = json.load(file)
            for key in ("allocations", "bytes", "frees", "left", "peak_resident"):
                self.assertEqual(after["summary"][key], before["summary"][key], key)
            self.assertEqual(after["summary"]["peak"]["bytes"], before["summary"]["peak"]["bytes"])

            def stacks(told):
                return sorted((site["bytes"], [[frame[key] for key in ("function", "file", "line", "module", "address", "inlined")]
                                               for frame in site["frames"]]) for site in told["sites"])
            self.assertEqual(stacks(after), stacks(before))

    def test_hostile_names_stay_in_their_lines(self):
        program = self.path("name\nwith + 0")
        os.symlink(exports.SHAPES, program)
        recording = self.path("hostile.loam")
        exports.run(exports.LOAM, "record", "--output", recording, "--", program)
        self.export("heaptrack", "hostile.txt", recording)
        with open(self.path("hostile.txt"), encoding="utf-8") as file:
            self.assertEqual(Heaptrack(file.read()).calls, self.sums(recording).calls)


class Read(Case):
    def write(self, text, name="small.gz"):
        with (gzip.open if name.endswith(".gz") else open)(self.path(name), "wt", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def json_of(self, path, status=0):
        done = exports.run(exports.LOAM, "export", "--format", "json", path, status=status)
        return json.loads(done.stdout), done.stderr

    def test_sums_stacks_and_time(self):
        for name in ("small.gz", "small.txt"):
            told, remarks = self.json_of(self.write(SMALL, name))
            self.assertEqual(told["recording"]["program"], ["./small", "--with", "words"])
            self.assertEqual(told["recording"]["duration_ns"], 500_000_000)
            summary = told["summary"]
            self.assertEqual((summary["allocations"], summary["bytes"], summary["frees"], summary["temporary"]), (4, 1300, 1, 1))
            self.assertEqual(summary["left"], {"blocks": 3, "bytes": 300})
            self.assertEqual(summary["peak"], {"blocks": 3, "bytes": 1200, "time_ns": 5_000_000})
            self.assertEqual(summary["peak_resident"], 0x400 * 4096)
            self.assertIn("where blocks lie is made up", remarks)
            frames = [[(frame["function"], frame["line"], frame["inlined"]) for frame in site["frames"]] for site in told["sites"]]
            self.assertEqual(frames, [[("main", 20, False)], [("make", 5, True), ("keep", 30, False), ("main", 20, False)]])

    def test_replay_and_report(self):
        path = self.write(SMALL)
        done = exports.run(exports.LOAM, "replay", "--policy", "first-fit", "--format", "json", path)
        told = json.loads(done.stdout)
        self.assertEqual((told["allocations"], told["frees"]), (4, 1))
        page = self.path("small.html")
        exports.run(exports.LOAM, "report", "--output", page, path)
        self.assertGreater(os.path.getsize(page), 10000)

    def test_lines_without_sense_are_counted(self):
        told, remarks = self.json_of(self.write(SMALL + "- 1\n+ 77\n+ \nq 1\nt 1 ff\n"))
        self.assertEqual(told["summary"]["allocations"], 4)
        self.assertIn("5 lines of the file make no sense", remarks)

    def test_a_file_that_is_cut(self):
        # More than a block of either packing holds, and hard to pack.
        rng = random.Random(7)
        text = SMALL + "".join(rng.choice(("+ 0\n", "+ 1\n", "+ 0\n+ 1\n- 1\n")) for _ in range(100000))
        path = self.write(text, "long.txt")
        for ending in ("gz", "zst"):
            self.export("heaptrack", f"whole.{ending}", path)
            with open(self.path(f"whole.{ending}"), "rb") as file:
                whole = file.read()
            with open(self.path(f"cut.{ending}"), "wb") as file:
                file.write(whole[:len(whole) * 2 // 3])
            told, remarks = self.json_of(self.path(f"cut.{ending}"), status=1)
            self.assertIn(told["summary"]["allocations"], range(20000, text.count("+") - 20000))
            self.assertIn("it is cut off: the file is read up to there", remarks)

    def test_refusals(self):
        for text, why in (("v 10400 3\nx e /opt/small\nm 1 -\n", "raw"), ("v 20000 4\n", "in version 4"), ("v 10000\n", "in version 0")):
            done = exports.run(exports.LOAM, "export", "--format", "json", self.write(text), status=1)
            self.assertIn(why, done.stderr)
        done = exports.run(exports.LOAM, "export", self.write("a text\n"), status=1)
        self.assertIn("no recording", done.stderr)
        done = exports.run(exports.LOAM, "replay", self.write("a text\n"), status=1)
        self.assertIn("neither a recording nor the output of heaptrack", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
