"""The library's managers as a program uses them: alone, on loam's malloc, and under `loam check`, which must find a use after a
reset, a double free into a pool, an object lost from a pool and rings of counted objects, and nothing in the twins."""

import json
import os
import subprocess
import unittest

RINGS = os.path.join(os.environ["LOAM_BUILD_DIR"], "bin/library/library-rings")
PROGRAM = os.path.join(os.environ["LOAM_BUILD_DIR"], "bin/library/library-requests")
COLLECTED = os.path.join(os.environ["LOAM_BUILD_DIR"], "bin/library/library-collected")
LOAM = os.environ["LOAM_BIN"]
ANSWERS = "session 1, request 1: 3 words\nsession 1, request 2: 3 words\nsession 1, request 3: 1 words\n"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def checked(*words, program=PROGRAM):
    """(exit status, findings) of the program under loam check."""
    done = run(LOAM, "check", "--format", "json", "--output", "/dev/stderr", "--", program, *words)
    return done.returncode, json.loads(done.stderr[done.stderr.index("{"):])["findings"]


class Managed(unittest.TestCase):
    def test_alone_and_on_loam(self):
        for before in ([], [LOAM, "run", "--"]):
            done = run(*before, PROGRAM)
            self.assertEqual((done.returncode, done.stdout), (0, ANSWERS), done.stderr)

    def test_double_free_is_refused_in_every_build(self):
        done = run(PROGRAM, "double-free")
        self.assertEqual(done.returncode, -6)
        self.assertIn("loam: double free into a pool of 0x", done.stderr)

    def test_clean_twin(self):
        self.assertEqual(checked(""), (0, []))

    def find(self, mode, kind, *functions):
        status, findings = checked(mode)
        self.assertEqual([each["kind"] for each in findings], [kind])
        self.assertNotEqual(status, 0)
        frames = " ".join(frame.get("function") or "" for stack in findings[0]["stacks"] for frame in stack["frames"])
        for function in functions:
            self.assertIn(function, frames)

    def test_use_after_the_arena_took_it_back(self):
        self.find("reset", "use-after-free", "rewind", "answer", "main")

    def test_double_free(self):
        self.find("double-free", "double-free", "deallocate", "main")

    def test_lost_object(self):
        self.find("lost", "leak", "main")


class Rings(unittest.TestCase):
    def test_clean_twin(self):
        self.assertEqual(run(RINGS).stdout, "document with 4 parts\n4 parts collected\n")
        self.assertEqual(checked(program=RINGS), (0, []))

    def test_lost_rings_are_named(self):
        for mode in ("lost", "thread"):
            with self.subTest(mode=mode):
                status, findings = checked(mode, program=RINGS)
                self.assertEqual((status, [each["kind"] for each in findings]), (99, ["leak"]))
                notes = " / ".join(findings[0]["notes"])
                self.assertIn("part in a cycle: ", notes)
                self.assertIn("parent -> ", notes)
                self.assertIn("children -> ", notes)
                self.assertIn("make one of these fields a weak_rc", run(LOAM, "check", "--", RINGS, mode).stderr)
                functions = [frame["function"] for frame in findings[0]["stacks"][0]["frames"]]
                self.assertTrue(any("write_document" in name for name in functions), functions)


class Collected(unittest.TestCase):
    def test_clean_twin(self):
        self.assertEqual(run(COLLECTED).stdout, "first: text of page 99, some gone: yes\n")
        self.assertEqual(checked(program=COLLECTED), (0, []))

    def test_what_a_collected_object_drops_is_lost(self):
        for mode, kind in (("lost", "leak"), ("overflow", "overflow")):
            with self.subTest(mode=mode):
                status, findings = checked(mode, program=COLLECTED)
                self.assertEqual((status, [each["kind"] for each in findings]), (99, [kind]))
                functions = [frame["function"] for frame in findings[0]["stacks"][0]["frames"]]
                self.assertTrue(any("make_pages" in (name or "") for name in functions), functions)


if __name__ == "__main__":
    unittest.main()
