"""Every test registered with ctest is run by somebody: it has one of the labels, and it cannot pass by being skipped."""

import json
import os
import subprocess
import tempfile
import unittest

import house

BUILD = os.environ.get("LOAM_BUILD_DIR", os.path.join(house.ROOT, "build"))
LABELS = {"fast", "meta", "full"}
# What CMake gives every GoogleTest it discovers; that no test uses it is checked in the sources.
DISCOVERED = ("SKIP_REGULAR_EXPRESSION", ["\\[  SKIPPED \\]"])
WAYS_TO_SKIP = {"DISABLED", "SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION"}


def registry_faults(tests):
    """tests: as `ctest --show-only=json-v1` prints them."""
    faults = []
    for test in tests:
        properties = {entry["name"]: entry["value"] for entry in test.get("properties", [])}
        labels = set(properties.get("LABELS", [])) & LABELS
        if len(labels) != 1:
            faults.append(f"{test['name']}: labels {properties.get('LABELS', [])}, wanted exactly one of {sorted(LABELS)}")
        for way in sorted(WAYS_TO_SKIP & set(properties)):
            if properties[way] and (way, properties[way]) != DISCOVERED:
                faults.append(f"{test['name']}: has {way}")
        # That of a full test is built by `make test-full`, where it fails if it is not there.
        if not test.get("command") and labels != {"full"}:
            faults.append(f"{test['name']}: its program was not built")
    return faults


def skipping_sources(folder):
    """Test sources that can pass without having tested."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            if name.endswith((".cpp", ".hpp", ".c", ".h")) and "GTEST_" + "SKIP" in open(full, encoding="utf-8").read():
                found.append(f"{full}: skips")
    return found


class TheTree(house.Check):
    def test_no_source_skips(self):
        self.no_faults(skipping_sources(os.path.join(house.ROOT, "test")))

    def test_registry(self):
        listing = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"], capture_output=True, text=True,
                                 check=True).stdout
        tests = json.loads(listing)["tests"]
        self.assertGreater(len(tests), 10)
        self.no_faults(registry_faults(tests))


class TheChecker(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_skipping_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "bad.cpp"), "w", encoding="utf-8") as source:
                source.write("TEST(A, B) { GTEST_" + "SKIP(); }")
            self.assertEqual(len(skipping_sources(folder)), 1)

    def test_registry(self):
        def test(*properties, command=("x",)):
            pairs = [{"name": name, "value": value} for name, value in properties]
            return {"name": "t", "command": list(command), "properties": pairs}

        good = test(("LABELS", ["fast", "slow-on-tuesdays"]), ("TIMEOUT", 5.0))
        bad = [test(), test(("LABELS", ["fats"])), test(("LABELS", ["fast", "full"])),
               test(("LABELS", ["fast"]), ("SKIP_RETURN_CODE", 77)), test(("LABELS", ["full"]), ("DISABLED", True)),
               test(("LABELS", ["fast"]), command=()), test(("LABELS", ["meta"]), command=())]
        self.assertEqual(registry_faults([good, test(("LABELS", ["full"]), command=())]), [])
        self.assertEqual(len(registry_faults(bad)), len(bad))


if __name__ == "__main__":
    unittest.main()
