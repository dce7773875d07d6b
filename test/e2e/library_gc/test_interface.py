"""The parts of interface.c and kinds.c, each plain and with a collection every few allocations; and what is printed of leaks and overflows."""

import os
import re
import subprocess
import unittest

BUILD = os.environ["LOAM_BUILD_DIR"]
PROGRAM = os.path.join(BUILD, "bin/library/library-gc")
KINDS = os.path.join(BUILD, "bin/library/library-gc-kinds")
OF_KINDS = ("toggles", "gcj", "disclaim", "stackbottom", "little")
PARTS = ("sizes", "realloc", "reach", "finalizers", "links", "threads", "limit", "debug", "counts")


def run(part, options="stats=1", program=PROGRAM):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GC_")}
    environment["LOAM_GC"] = options
    return subprocess.run([program, part], env=environment, capture_output=True, text=True, timeout=300, check=False)


class Interface(unittest.TestCase):
    def test_parts(self):
        for part in PARTS:
            with self.subTest(part):
                result = run(part)
                self.assertEqual((result.returncode, result.stdout), (0, f"{part}: as promised\n"), result.stderr)

    def test_parts_with_forced_collections(self):
        for part in ("realloc", "finalizers", "links", "debug"):
            with self.subTest(part):
                result = run(part, "stats=1:every=10")
                self.assertEqual((result.returncode, result.stdout), (0, f"{part}: as promised\n"), result.stderr)

    def test_kinds(self):
        for part in OF_KINDS:
            for options in ("stats=1", "stats=1:concurrent=0", "stats=1:concurrent-from=0:generations-from=0:least-growth=256k"):
                with self.subTest(part, options=options):
                    result = run(part, options, KINDS)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertIn(f"{part}: as promised\n", result.stdout)

    def test_growth_of_the_environment(self):
        def collections(growth):
            text = run("growth", f"generations=0:concurrent=0:growth={growth}", KINDS).stdout
            return int(re.search(r"(\d+) collections", text).group(1))
        self.assertGreater(collections(50), collections(400))

    def test_marking_beside_the_program(self):
        for part in ("realloc", "reach", "finalizers", "links", "threads"):
            with self.subTest(part):
                result = run(part, "stats=1:concurrent-from=0:generations-from=0:least-growth=64k")
                self.assertEqual((result.returncode, result.stdout), (0, f"{part}: as promised\n"), result.stderr)
                # Where the kernel does not tell which pages were written there are neither.
                young, beside = re.search(r"\((\d+) of young objects, (\d+) while", result.stderr).groups()
                if part in ("reach", "threads") and int(young) > 0:
                    self.assertGreater(int(beside), 0, result.stderr)

    def test_one_marker(self):
        result = run("reach", "markers=1")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_leaks_and_overflows_are_told(self):
        text = run("debug").stderr
        self.assertRegex(text, r"something was written behind the end of the object 0x[0-9a-f]+ \(allocated at .*interface\.c:\d+\)")
        leaks = re.findall(r"leaked object 0x[0-9a-f]+ \(48 bytes, allocated at .*interface\.c:\d+\)", text)
        # Ten are lost; what a register still holds is not.
        self.assertIn(len(leaks), (9, 10), text)
        self.assertNotRegex(text, r"leaked object 0x[0-9a-f]+ \(\d+ bytes\)")

    def test_unknown_options_are_told(self):
        self.assertIn("LOAM_GC: not understood: evry=3", run("counts", "evry=3:stats=1").stderr)


if __name__ == "__main__":
    unittest.main()
