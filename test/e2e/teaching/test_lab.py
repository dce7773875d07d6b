"""The programs of examples/lab: what their pages claim of policies, in numbers, from recordings made here."""

import json
import re
import pathlib
import tempfile
import unittest

import pages

MIB = 1 << 20


class Lab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory()
        cls.addClassCleanup(held.cleanup)
        cls.folder = held.name
        pages.prepare(cls.folder)

    def replay(self, program, *options):
        """policy -> what it made of a program's recording"""
        file = re.sub(r"\W", "-", program) + ".loam"
        pages.run(f"loam record --no-stacks --output {file} -- ./{program}", self.folder)
        pages.run(f"loam replay {file} --format json --output replayed.json {' '.join(options)}", self.folder)
        report = json.loads((pathlib.Path(self.folder) / "replayed.json").read_text())
        return {of["policy"]: of for of in report["policies"]}

    def test_first_fit_leaves_splinters_at_the_low_end(self):
        policies = self.replay("splinters", "--policy", "first-fit,next-fit")

        def mean(policy, tenth):
            pieces = policies[policy]["at_end"]["tenths"][tenth]
            return pieces["free_bytes"] / pieces["free_pieces"]

        self.assertLess(mean("first-fit", 0) * 3, mean("first-fit", 8))
        self.assertLess(mean("next-fit", 0), mean("next-fit", 8) * 2)
        self.assertLess(mean("next-fit", 8), mean("next-fit", 0) * 2)

    def test_worst_fit_ruins_the_large_pieces(self):
        policies = self.replay("ruin")
        peaks = {policy: of["peak_heap_bytes"] for policy, of in policies.items()}
        self.assertEqual(max(peaks, key=peaks.get), "worst-fit")
        self.assertGreater(peaks["worst-fit"], 2.5 * peaks["best-fit"])
        self.assertLess(peaks["best-fit"], 1.05 * 24 * 100_000 + 65536)

    def test_a_buddy_system_wastes_half(self):
        with_header = self.replay("halves")
        buddy = with_header["buddy"]["at_most_live"]
        self.assertGreater(buddy["padding_bytes"], 0.48 * buddy["heap_bytes"])
        self.assertLess(with_header["best-fit"]["at_most_live"]["padding_bytes"], 5000)
        self.assertEqual(self.replay("halves", "--header", "0")["buddy"]["at_most_live"]["padding_bytes"], 0)

    def test_next_fit_spreads_what_stays(self):
        policies = self.replay("spread", "--policy", "first-fit,next-fit")
        first, following = policies["first-fit"], policies["next-fit"]
        self.assertGreater(following["peak_heap_bytes"], 2 * first["peak_heap_bytes"])
        self.assertGreater(first["at_end"]["mappings_can_return_bytes"], 0.9 * first["at_end"]["heap_bytes"])
        self.assertLess(following["at_end"]["mappings_can_return_bytes"], 0.25 * following["at_end"]["heap_bytes"])

    def test_one_block_holds_the_break(self):
        above = self.replay("stranded", "--policy", "first-fit")["first-fit"]["at_end"]
        self.assertGreater(above["heap_bytes"], 7 * MIB)
        self.assertLess(above["break_can_return_bytes"], 65536)
        self.assertGreater(above["mappings_can_return_bytes"], 7 * MIB)
        below = self.replay("stranded first", "--policy", "first-fit")["first-fit"]["at_end"]
        self.assertLess(below["heap_bytes"], 65536)


if __name__ == "__main__":
    unittest.main(verbosity=2)
