"""`loam stats PID` of a program that runs on the real libloam.so."""
import json
import os
import subprocess
import sys
import time
import unittest

import support
from support import loam

LIBRARY = os.environ.get("LOAM_LIB") or str(support.ROOT / "build/lib/libloam.so")


class Live(unittest.TestCase):
    def test_stats_of_a_running_process(self):
        code = "import time; x = [0] * 1000000; print('ready', flush=True); time.sleep(300)"
        target = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                                  env=support.plain_environment(LD_PRELOAD=LIBRARY))
        self.addCleanup(target.wait)
        self.addCleanup(target.kill)
        self.addCleanup(target.stdout.close)
        self.assertEqual(target.stdout.readline(), "ready\n")
        done = loam("stats", target.pid, "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        process = json.loads(done.stdout)["process"]
        self.assertEqual(process["pid"], target.pid)
        self.assertGreater(process["walk"]["live_bytes"], 8_000_000)
        time.sleep(0.1)
        self.assertIsNone(target.poll())


if __name__ == "__main__":
    support.main()
