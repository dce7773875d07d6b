"""`loam compare` of two recordings: exactly the sites that differ, across runs and builds."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

LOAM = os.environ["LOAM_BIN"]
BUILDS = pathlib.Path(os.environ["LOAM_BUILD_DIR"]) / "bin/compare"
FOLDER = tempfile.TemporaryDirectory()


def run_loam(*words, status=0):
    done = subprocess.run([LOAM, *map(str, words)], env=preload.plain_environment(), cwd=FOLDER.name, text=True,
                          capture_output=True, timeout=60, check=False)
    if done.returncode != status:
        raise AssertionError(f"{words}: status {done.returncode}, {done.stdout}{done.stderr}")
    return done


def record(build, rounds, name=None, options=(), program=None):
    path = f"{FOLDER.name}/{name or f'{build}-{rounds}'}.loam"
    if not os.path.exists(path):
        run_loam("record", "--output", path, *options, "--", program or BUILDS / build / "site", rounds)
    return path


def compare(before, after, *options, status=0):
    return json.loads(run_loam("compare", "--format", "json", *options, before, after, status=status).stdout)


def functions(site):
    return [frame["function"] for frame in site["frames"]]


def changes(report):
    """(what happened, function that allocates, difference): the innermost function of the program's own."""
    own = []
    for site in report["sites"]:
        name = next(frame["function"] for frame in site["frames"] if (frame["module"] or "").endswith("/site"))
        own.append((site["change"], name, site["difference"]))
    return own


class SameBuild(unittest.TestCase):
    def test_equal_runs_have_no_difference(self):
        report = compare(record("plain", 100), record("plain", 100, "again"))
        self.assertEqual(report["sites"], [])
        same = report["summary"].pop("same")
        self.assertGreaterEqual(same, 5)
        self.assertEqual(report["summary"], {"new": 0, "grew": 0, "shrank": 0, "gone": 0})
        self.assertEqual(report["rebuilt"], [])
        self.assertEqual(report["before"]["totals"], report["after"]["totals"])

    def test_each_site_by_its_own_difference(self):
        report = compare(record("plain", 100), record("plain", 200))
        self.assertEqual(changes(report), [("grew", "index_words", 10000), ("grew", "index_words", 4000), ("grew", "inner", 1200)])
        lines = {frame["line"] for site in report["sites"][:2] for frame in site["frames"] if frame["function"] == "index_words"}
        self.assertEqual(len(lines), 2, "two allocations of one function are two sites")
        back = compare(record("plain", 200), record("plain", 100))
        self.assertEqual(changes(back), [("shrank", name, -size) for _, name, size in changes(report)])

    def test_other_measures(self):
        report = compare(record("plain", 100), record("plain", 200), "--by", "count")
        self.assertIn(("grew", "make", 100), changes(report))
        site = report["sites"][[name for _, name, _ in changes(report)].index("make")]
        self.assertEqual((site["before"]["temporary"], site["after"]["temporary"]), (100, 200))
        self.assertEqual((site["before"]["live_bytes"], site["after"]["live_bytes"]), (0, 0))
        grown = report["after"]["totals"]["allocations"] - report["before"]["totals"]["allocations"]
        self.assertEqual(sum(site["difference"] for site in report["sites"]), grown)

    def test_limit(self):
        report = compare(record("plain", 100), record("plain", 200), "--limit", "1")
        self.assertEqual((len(report["sites"]), report["sites_left_out"]), (1, 2))
        self.assertEqual(report["summary"]["grew"], 3)
        text = run_loam("compare", "--limit", "1", record("plain", 100), record("plain", 200)).stdout
        self.assertIn("2 more that differ; --limit 0 shows all", text)
        everything = compare(record("plain", 100), record("plain", 200), "--limit", "0")
        self.assertEqual(len(everything["sites"]), 3)


class OtherBuild(unittest.TestCase):
    def test_moved_lines_and_other_flags_are_no_difference(self):
        for build, by in (("shifted", "count"), ("unoptimized", "count"), ("unoptimized", "bytes")):
            report = compare(record("plain", 100), record(build, 100), "--by", by)
            self.assertEqual(changes(report), [], (build, by))
            self.assertGreaterEqual(report["summary"]["same"], 5)
            self.assertEqual(report["rebuilt"], ["site"])

    def test_exactly_the_changed_site(self):
        for build in ("plain", "unoptimized"):
            report = compare(record(build, 100), record("changed", 100))
            self.assertEqual(changes(report), [("grew", "index_words", 20000)], build)
        text = run_loam("compare", record("plain", 100), record("changed", 100)).stdout
        self.assertIn("Call sites by bytes live at the end: 1 grew", text)
        self.assertRegex(text, r"\n\+19\.5 KiB live at the end: 9\.8 KiB to 29\.3 KiB\n  .*\n    at index_words \(site\.c:\d+\)\n +\| void\* second = malloc\(kWord\);\n    by main ")
        self.assertEqual(text.count("\n    at "), 1)

    def test_new_and_gone(self):
        report = compare(record("plain", 100), record("next", 100))
        self.assertEqual(changes(report), [("new", "next_version", 2000), ("gone", "old_version", -1000)])
        text = run_loam("compare", record("plain", 100), record("next", 100)).stdout
        self.assertIn("+2.0 KiB live at the end: new", text)
        self.assertIn("-1000 B live at the end: gone", text)

    def test_another_name_of_the_program(self):
        other = f"{FOLDER.name}/site-2.0"
        shutil.copy(BUILDS / "shifted/site", other)
        report = compare(record("plain", 100), record("shifted", 100, "renamed", program=other))
        self.assertEqual(report["sites"], [])

    def test_built_anew_at_the_same_place(self):
        program = pathlib.Path(FOLDER.name) / "place/site"
        program.parent.mkdir()
        shutil.copy(BUILDS / "plain/site", program)
        before = record("plain", 100, "before", program=program)
        program.unlink()
        shutil.copy(BUILDS / "changed/site", program)
        after = record("changed", 100, "after", program=program)
        blind = compare(before, after)
        self.assertEqual(blind["nameless"], [str(program)])
        self.assertIn("--binary", run_loam("compare", before, after).stdout)
        for binary in (BUILDS / "plain/site", BUILDS / "plain"):
            seeing = compare(before, after, "--binary", binary)
            self.assertEqual(changes(seeing), [("grew", "index_words", 20000)])
            self.assertEqual(seeing["nameless"], [])
        wrong = compare(before, after, "--binary", BUILDS / "next/site")
        self.assertEqual(wrong["nameless"], [str(program)], "by the build id, another build is not believed")


class Input(unittest.TestCase):
    def test_without_stacks(self):
        blind = record("plain", 200, "blind", ["--no-stacks"])
        report = compare(record("plain", 100), blind)
        self.assertIsNone(report["sites"])
        self.assertEqual(report["reason"], "recorded without stacks")
        self.assertGreater(report["after"]["totals"]["bytes"], report["before"]["totals"]["bytes"])
        sizes = {size["from"]: size for size in report["sizes"]}
        self.assertEqual((sizes[96]["before"]["allocations"], sizes[96]["after"]["allocations"]), (100, 200))
        text = run_loam("compare", record("plain", 100), blind).stdout
        self.assertIn("blind.loam was recorded without stacks: only totals and sizes can be compared", text)
        self.assertRegex(text, r"\n +96 B +100 +200 +\+100 ")

    def test_hostile_names(self):
        """A symbol that would be markup, ends a script and speaks to a terminal."""
        name = "</script><b>\033[31m;\nevil"
        program = f"{FOLDER.name}/evil"
        subprocess.run(["objcopy", "--redefine-sym", f"hostile={name}", BUILDS / "evil/site", program], check=True)
        evil = record("evil", 100, program=program)
        report = compare(record("plain", 100), evil, "--by", "bytes")
        self.assertIn(("new", [name, "main"]), [(site["change"], functions(site)[:2]) for site in report["sites"]])
        text = run_loam("compare", record("plain", 100), evil).stdout
        self.assertIn("at </script><b>?[31m;?evil (evil+0x", text)
        self.assertNotIn("\033", text)
        page = run_loam("report", evil, "--compare", record("plain", 100)).stdout.strip()
        self.assertEqual(pathlib.Path(page).read_text().count("</script"), 2, "the data's own and the script's")

    def test_what_cannot_be_read(self):
        good = record("plain", 100)
        other = pathlib.Path(FOLDER.name) / "other"
        other.write_text("nothing of the kind")
        self.assertIn("is no recording", run_loam("compare", good, other, status=1).stderr)
        self.assertIn("cannot read", run_loam("compare", good, "/nowhere", status=1).stderr)
        self.assertIn("two recordings are needed", run_loam("compare", good, status=2).stderr)
        self.assertIn("unexpected", run_loam("compare", good, good, good, status=2).stderr)
        self.assertIn("cannot read", run_loam("compare", "--binary", "/nowhere", good, good, status=1).stderr)
        run_loam("compare", "--by", "weight", good, good, status=2)

    def test_a_damaged_recording(self):
        content = pathlib.Path(record("plain", 100)).read_bytes()
        torn = pathlib.Path(FOLDER.name) / "torn.loam"
        torn.write_bytes(content[:len(content) - 20])
        done = run_loam("compare", record("plain", 100), torn, status=1)
        self.assertRegex(done.stderr, r"torn\.loam: .*cut off")
        self.assertIn("allocations", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
