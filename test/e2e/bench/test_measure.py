"""loam-measure and loam-workload: statuses, figures that belong to the program alone, the same work everywhere."""
import json
import os
import pathlib
import tempfile
import unittest

from support import HELPERS, LIBRARY, ROOT, run

MEASURE = HELPERS / "loam-measure"
WORKLOAD = HELPERS / "loam-workload"


class Measure(unittest.TestCase):
    def measure(self, *command, options=()):
        with tempfile.TemporaryDirectory() as folder:
            result = os.path.join(folder, "result")
            done = run(MEASURE, "--result", result, *options, "--", *command)
            self.assertEqual(done.returncode, 0, done)
            return json.loads(pathlib.Path(result).read_text("utf-8"))

    def test_status(self):
        self.assertEqual(self.measure("/bin/sh", "-c", "exit 7")["exit"], 7)
        self.assertEqual(self.measure("/bin/sh", "-c", "kill -ABRT $$")["signal"], 6)
        self.assertEqual(self.measure("/nonexistent")["exit"], 127)

    def test_timeout(self):
        self.assertEqual(self.measure("/bin/sleep", "60", options=("--timeout", "1"))["signal"], 9)

    def test_environment_is_empty(self):
        result = self.measure("/bin/sh", "-c", '[ "$(/usr/bin/env | grep -c ^HOME=)" = 0 ] && [ "$ONE" = 1 ]',
                              options=("--env", "ONE=1"))
        self.assertEqual(result["exit"], 0)

    def test_peak_is_the_programs_own(self):
        ballast = bytearray(200 << 20)  # of this process, which the launcher must not inherit
        result = self.measure("/bin/true")
        self.assertLess(result["peak_rss_kib"], 5000)
        self.assertEqual(len(ballast), 200 << 20)

    def test_children_count(self):
        loop = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
        alone = self.measure("/bin/sh", "-c", loop)
        child = self.measure("/bin/sh", "-c", '/bin/sh -c "$0"; true', loop)
        self.assertGreater(child["user"], alone["user"] * 0.5)

    def test_usage(self):
        self.assertEqual(run(MEASURE, "--result", "/dev/null").returncode, 2)
        self.assertEqual(run(MEASURE, "--help").returncode, 0)


class Workloads(unittest.TestCase):
    def test_list_is_the_list_of_rows(self):
        listed = [line.split()[0] for line in run(WORKLOAD, "--list").stdout.splitlines()]
        rows = json.loads((ROOT / "bench/rows.json").read_text("utf-8"))["rows"]
        self.assertEqual(listed, [row["name"] for row in rows if row["group"] == "synthetic"])

    def test_unknown(self):
        done = run(WORKLOAD, "nosuch")
        self.assertEqual(done.returncode, 2)
        self.assertIn('no workload "nosuch"', done.stderr)

    def test_names_the_library(self):
        done = run("/usr/bin/env", "LD_PRELOAD=" + LIBRARY, WORKLOAD, "graph")
        self.assertEqual(done.returncode, 0, done)
        served = done.stderr.split("malloc ")[1].strip()
        self.assertTrue(os.path.samefile(served, LIBRARY), served)


if __name__ == "__main__":
    unittest.main()
