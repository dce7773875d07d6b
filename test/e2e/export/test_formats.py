"""Each format of `loam export` against the events of the same recording, decoded here; test_tools.py has the tools they are for."""
import collections
import gzip
import json
import os
import subprocess
import unittest

import exports
from exports import Case, Pprof


class Truth(Case):
    def test_the_program_did_what_the_others_compare_with(self):
        self.assertGreaterEqual(self.truth.calls, 100 + 50 + 1000 + 10 + 1)
        self.assertGreaterEqual(self.truth.peak, 100 * 1000 + 50 * 10000)
        self.assertGreaterEqual(self.truth.left, 100 * 1000)


class PprofFile(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.export("pprof", "shapes.pb.gz")
        cls.profile = Pprof(cls.path("shapes.pb.gz"))

    def test_sums(self):
        names = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space"]
        self.assertEqual([name for name, _ in self.profile.types], names)
        self.assertEqual([unit for _, unit in self.profile.types], ["count", "bytes"] * 3)
        self.assertIn(self.profile.default, names)
        truth = self.truth
        for name, value in (("alloc_objects", truth.calls), ("alloc_space", truth.bytes), ("inuse_objects", truth.left_blocks),
                            ("inuse_space", truth.left), ("peak_space", truth.peak)):
            self.assertEqual(self.profile.total(name), value, name)
        self.assertGreater(self.profile.duration, 0)
        self.assertEqual(self.profile.comments, [exports.SHAPES])

    def test_functions(self):
        profile = self.profile
        for function, objects, space, in_use in (("keep", 100, 100000, 100), ("rise_and_fall", 50, 500000, 0),
                                                 ("spend", 1000, 64000, 0), ("grow", 11, 5500 + 512, 0)):
            with self.subTest(function=function):
                self.assertEqual(profile.total("alloc_objects", function), objects)
                self.assertEqual(profile.total("alloc_space", function), space)
                self.assertEqual(profile.total("inuse_objects", function), in_use)
        self.assertEqual(profile.total("peak_objects", "rise_and_fall"), 50)

    def test_inlined_functions_share_a_location(self):
        places = [place for place in self.profile.locations.values() if "keep" in [line[0] for line in place[2]]]
        self.assertEqual(len(places), 1)
        self.assertEqual([line[0] for line in places[0][2]], ["make_inlined", "keep"])
        for _, file, line in places[0][2]:
            self.assertTrue(file.endswith("shapes.c"), file)
            self.assertGreater(line, 5)

    def test_mappings(self):
        used = {place[1] for place in self.profile.locations.values()} - {0}
        self.assertEqual(used, set(self.profile.mappings))
        for address, number, _ in self.profile.locations.values():
            if number != 0:
                mapping = self.profile.mappings[number]
                self.assertTrue(mapping[2][0] <= address < mapping[3][0])
        files = {self.profile.strings[one[5][0]]: one for one in self.profile.mappings.values()}
        program = files[exports.SHAPES]
        self.assertEqual(list(files)[0], exports.SHAPES, "pprof takes the first for the program")
        told = subprocess.run(["readelf", "-n", exports.SHAPES], capture_output=True, text=True, check=True).stdout
        if "Build ID" in told:
            self.assertIn(self.profile.strings[program[6][0]], told)
        self.assertEqual([program[bit] for bit in (7, 8, 9, 10)], [[1]] * 4)

    def test_the_same_recording_gives_the_same_file(self):
        self.export("pprof", "again.pb.gz")
        with open(self.path("shapes.pb.gz"), "rb") as one, open(self.path("again.pb.gz"), "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_the_decoder_refuses_what_is_none(self):
        for data in (b"\x0a\x05ab", b"\x0b", b"\x0d\x01"):
            with self.assertRaises((ValueError, IndexError)):
                exports.fields(data)


class Speedscope(Case):
    def test_profiles(self):
        self.export("speedscope", "shapes.json.gz")
        with gzip.open(self.path("shapes.json.gz"), "rt", encoding="utf-8") as file:
            told = json.load(file)
        self.assertEqual(told["$schema"], "https://www.speedscope.app/file-format-schema.json")
        frames = told["shared"]["frames"]
        self.assertEqual(len({json.dumps(frame) for frame in frames}), len(frames), "a frame is there twice")
        profiles = {profile["name"]: profile for profile in told["profiles"]}
        wanted = {"bytes allocated": self.truth.bytes, "allocations": self.truth.calls, "bytes at the peak": self.truth.peak,
                  "bytes never freed": self.truth.left}
        self.assertLessEqual(set(wanted), set(profiles))
        for name, profile in profiles.items():
            self.assertEqual((profile["type"], profile["startValue"]), ("sampled", 0))
            self.assertEqual(len(profile["samples"]), len(profile["weights"]))
            self.assertEqual(sum(profile["weights"]), profile["endValue"])
            self.assertEqual(profile["endValue"], wanted.get(name, profile["endValue"]))
            self.assertTrue(all(0 <= number < len(frames) for stack in profile["samples"] for number in stack))
        self.assertGreaterEqual(profiles["temporary allocations"]["endValue"], 1000)
        kept = profiles["bytes never freed"]
        names = [[frames[number]["name"] for number in stack] for stack in kept["samples"]]
        mine = [stack for stack in names if "keep" in stack]
        self.assertEqual([stack[stack.index("main"):] for stack in mine], [["main", "keep", "make_inlined"]])


class Json(Case):
    def test_sums_and_sites(self):
        self.export("json", "shapes.json")
        with open(self.path("shapes.json"), encoding="utf-8") as file:
            told = json.load(file)
        self.assertEqual(told["schema"], "loam-recording/1")
        self.assertEqual(told["recording"]["program"], [exports.SHAPES])
        self.assertEqual(told["recording"]["ending"], "exit status 0")
        summary, truth = told["summary"], self.truth
        self.assertEqual((summary["allocations"], summary["bytes"], summary["frees"], summary["peak"]["bytes"],
                          summary["left"]["bytes"], summary["left"]["blocks"]),
                         (truth.calls, truth.bytes, truth.frees, truth.peak, truth.left, truth.left_blocks))
        self.assertGreater(summary["peak_resident"], truth.peak)
        self.assertEqual(summary["threads"], 2)
        sites = told["sites"]
        self.assertEqual(len(sites), summary["sites"])
        self.assertEqual(sorted((site["bytes"] for site in sites), reverse=True), [site["bytes"] for site in sites])
        for key in ("allocations", "bytes", "frees", "temporary"):
            self.assertEqual(sum(site[key] for site in sites), summary[key], key)
        spend = [site for site in sites if "spend" in [frame["function"] for frame in site["frames"]]]
        self.assertEqual([(site["allocations"], site["temporary"]) for site in spend], [(1000, 1000)])


class Trace(Case):
    def test_counters_and_instants(self):
        self.export("trace", "shapes.trace.json")
        with open(self.path("shapes.trace.json"), encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        by_name = collections.defaultdict(list)
        for event in events:
            self.assertLessEqual({"name", "ph", "ts", "pid", "tid", "args"}, set(event))
            by_name[event["name"]].append(event)
        self.assertEqual({event["ph"] for event in events}, {"M", "C", "i"})
        self.assertEqual(len({event["pid"] for event in events}), 1)
        self.assertEqual(by_name["process_name"][0]["args"]["name"], exports.SHAPES)
        for name, some in by_name.items():
            times = [event["ts"] for event in some]
            self.assertEqual(times, sorted(times), name)
            self.assertEqual(len({event["ph"] for event in some}), 1, name)
        live = [event["args"]["bytes"] for event in by_name["live heap"]]
        self.assertEqual((max(live), live[-1]), (self.truth.peak, self.truth.left))
        self.assertEqual(by_name["live blocks"][-1]["args"]["blocks"], self.truth.left_blocks)
        self.assertEqual([event["args"]["bytes"] for event in by_name["peak of the heap"]], [self.truth.peak])
        self.assertGreater(max(event["args"]["bytes"] for event in by_name["resident memory"]), self.truth.peak)
        calls = by_name["kernel calls"]
        self.assertTrue(calls and all(event["s"] == "p" for event in calls))
        self.assertEqual(sum(event["args"]["calls"] for event in calls), calls[-1]["args"]["so_far"])


class Output(Case):
    def test_packed_by_its_name(self):
        plain = exports.run(exports.LOAM, "export", self.file).stdout
        self.export("csv", "events.csv.gz")
        with gzip.open(self.path("events.csv.gz"), "rt") as file:
            self.assertEqual(file.read(), plain)
        self.export("csv", "events.csv.zst")
        with open(self.path("events.csv.zst"), "rb") as file:
            packed = file.read()
        self.assertEqual(packed[:4], b"\x28\xb5\x2f\xfd")
        self.assertLess(len(packed), len(plain) / 3)

    def test_folded(self):
        lines = exports.run(exports.LOAM, "export", "--format", "folded", self.file).stdout.splitlines()
        self.assertEqual(sum(int(line.rpartition(" ")[2]) for line in lines), self.truth.bytes)
        self.assertTrue(any(line.endswith("main;keep;make_inlined 100000") for line in lines), lines)

    def test_a_damaged_recording(self):
        with open(self.file, "rb") as file:
            whole = file.read()
        cut = self.path("cut.loam")
        with open(cut, "wb") as file:
            file.write(whole[:-20])
        for form in ("csv", "folded", "json", "pprof", "speedscope", "trace", "heaptrack"):
            with self.subTest(form=form):
                done = self.export(form, "cut.out", cut, status=1)
                self.assertIn("read up to there", done.stderr)
                self.assertGreater(os.path.getsize(self.path("cut.out")), 0)

    def test_refusals(self):
        done = exports.run(exports.LOAM, "export", "--format", "pprof", exports.SHAPES, status=1)
        self.assertIn("no recording", done.stderr)
        done = exports.run(exports.LOAM, "export", "--format", "json", "--output", "/nowhere/at/all", self.file, status=1)
        self.assertIn("cannot write /nowhere/at/all", done.stderr)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([exports.LOAM, "export", self.file], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=exports.ENVIRONMENT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write standard output", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
