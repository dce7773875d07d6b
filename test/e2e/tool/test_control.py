"""`loam stats PID`: the dialogue with a running process, and every reason to refuse it."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import support
from support import FAKE, LOAM, loam

SLEEP = "import time; print('ready', flush=True); time.sleep(300)"


class Control(unittest.TestCase):
    def target(self, code=SLEEP, way=None, preload=FAKE, **more):
        env = support.plain_environment(**({"FAKE_CONTROL": way} if way else {}))
        if preload:
            env["LD_PRELOAD"] = preload
        process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, **more)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def refused(self, pid, message, **more):
        done = loam("stats", pid, **more)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(message, done.stderr)
        self.assertTrue(done.stderr.startswith(f"loam: cannot ask process {pid}: "), done.stderr)
        self.assertEqual(done.stdout, "")

    def test_figures(self):
        target = self.target()
        report = json.loads(loam("stats", target.pid, "--format", "json").stdout)
        self.assertEqual(report["schema"], "loam-stats/1")
        self.assertEqual(report["library"], FAKE)
        self.assertEqual(report["pause_ns"], 1500)
        self.assertGreater(report["round_trip_ns"], 0)
        process = report["process"]
        self.assertEqual(process["pid"], target.pid)
        self.assertEqual(process["walk"]["live_blocks"], 40)
        self.assertEqual(process["classes"][0]["live_blocks"], 40)
        self.assertIsNone(process["calls"])
        self.assertIn("statistics mode only", process["reasons"]["calls"])
        self.assertIsNone(target.poll(), "the target goes on")

    def test_text_and_repetition(self):
        target = self.target()
        for _ in range(5):
            done = loam("stats", target.pid)
            self.assertEqual(done.returncode, 0, done)
            self.assertIn("threads held up for 1.50 us", done.stdout)
            self.assertIn("still running", done.stdout)
        self.assertIsNone(target.poll())

    def test_no_such_process(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.refused(gone.pid, "there is no such process")

    def test_zombie(self):
        process = subprocess.Popen(["true"])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.refused(process.pid, "there is no such process")
        process.wait()

    def test_not_running_on_loam(self):
        target = self.target(preload=None)
        self.refused(target.pid, "it does not run on loam: no libloam.so is mapped")
        self.assertIsNone(target.poll(), "no signal may reach a process that does not catch it")

    def test_library_that_does_not_listen(self):
        code = (f"import signal; signal.signal({61}, signal.SIG_DFL)\n" + SLEEP)
        target = self.target(code)
        self.refused(target.pid, "its libloam.so does not listen (signal 61 is not caught)")
        self.assertIsNone(target.poll())

    def test_no_answer(self):
        target = self.target(way="silent")
        start = time.monotonic()
        self.refused(target.pid, "no answer in 2 s")
        took = time.monotonic() - start
        self.assertTrue(2 <= took < 30, took)
        self.assertIsNone(target.poll())

    def test_stopped(self):
        target = self.target()
        target.send_signal(signal.SIGSTOP)
        self.refused(target.pid, "no answer in 2 s (is it stopped?)")
        target.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        self.assertIsNone(target.poll(), "the late signal finds nobody listening and does no harm")

    def test_signal_blocked(self):
        code = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [{61}])\n" + SLEEP
        self.refused(self.target(code).pid, "its main thread blocks signal 61")

    def test_bad_answers(self):
        self.refused(self.target(way="busy").pid, "another question is being answered")
        self.refused(self.target(way="version").pid, "speaks version 99 of the control channel")
        self.refused(self.target(way="short").pid, "its answer has 12 bytes")
        self.refused(self.target(way="garbage").pid, "no answer in 2 s")

    def test_ends_meanwhile(self):
        self.refused(self.target(way="ends").pid, "it ended meanwhile")

    @unittest.skipUnless(os.getuid() == 0, "needs root to become another user and to make a namespace")
    def test_permission_and_namespace(self):
        target = self.target()
        # Where everybody may go: the tree may lie in a home that only its owner can enter.
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        os.chmod(place.name, 0o755)
        tool = shutil.copy(LOAM, place.name)
        done = subprocess.run([tool, "stats", str(target.pid)], user=65534, group=65534, extra_groups=[],
                              capture_output=True, text=True, env=support.plain_environment(), cwd="/")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("its mappings cannot be read: Permission denied", done.stderr)
        env = support.plain_environment(LD_PRELOAD=FAKE)
        other = subprocess.Popen(["unshare", "--net", sys.executable, "-c", SLEEP], env=env, stdout=subprocess.PIPE,
                                 text=True)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.addCleanup(other.stdout.close)
        self.assertEqual(other.stdout.readline(), "ready\n")
        self.refused(other.pid, "it lives in another network namespace")
        done = subprocess.run(["nsenter", "--target", str(other.pid), "--net", LOAM, "stats", str(other.pid)],
                              capture_output=True, text=True, env=support.plain_environment())
        self.assertEqual(done.returncode, 0, "the advice in the message works")


if __name__ == "__main__":
    support.main()
