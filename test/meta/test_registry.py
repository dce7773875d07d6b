"""Every test registered with ctest is run by somebody: it has one of the labels, and it cannot pass by being skipped."""

import json
import os
import subprocess
import unittest

import house

BUILD = os.environ.get("LOAM_BUILD_DIR", os.path.join(house.ROOT, "build"))
LABELS = {"fast", "meta", "full"}
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
            if properties[way]:
                faults.append(f"{test['name']}: has {way}")
        if not test.get("command"):
            faults.append(f"{test['name']}: its program was not built")
    return faults


class TheTree(house.Check):
    def test_registry(self):
        listing = subprocess.run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"], capture_output=True, text=True,
                                 check=True).stdout
        tests = json.loads(listing)["tests"]
        self.assertGreater(len(tests), 10)
        self.no_faults(registry_faults(tests))


class TheChecker(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_registry(self):
        def test(*properties, command=("x",)):
            pairs = [{"name": name, "value": value} for name, value in properties]
            return {"name": "t", "command": list(command), "properties": pairs}

        good = test(("LABELS", ["fast", "slow-on-tuesdays"]), ("TIMEOUT", 5.0))
        bad = [test(), test(("LABELS", ["fats"])), test(("LABELS", ["fast", "full"])),
               test(("LABELS", ["fast"]), ("SKIP_RETURN_CODE", 77)), test(("LABELS", ["full"]), ("DISABLED", True)),
               test(("LABELS", ["full"]), command=())]
        self.assertEqual(registry_faults([good]), [])
        self.assertEqual(len(registry_faults(bad)), len(bad))


if __name__ == "__main__":
    unittest.main()
