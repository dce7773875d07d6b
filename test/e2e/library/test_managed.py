"""The library's managers as a program uses them: alone, on loam's malloc, and under `loam check`, which must find a use after a
reset, a double free into a pool and an object lost from a pool, and nothing in the twin."""

import json
import os
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["LOAM_BUILD_DIR"], "bin/library/library-requests")
LOAM = os.environ["LOAM_BIN"]
ANSWERS = "session 1, request 1: 3 words\nsession 1, request 2: 3 words\nsession 1, request 3: 1 words\n"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def checked(mode):
    """(exit status, findings) of the program under loam check."""
    done = run(LOAM, "check", "--format", "json", "--output", "/dev/stderr", "--", PROGRAM, mode)
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


if __name__ == "__main__":
    unittest.main()
