"""`loam record` on programs, and what reads a recording: nothing is lost while the tool lives, and the program never suffers."""
import collections
import csv
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

LOAM = os.environ["LOAM_BIN"]
STORM = pathlib.Path(os.environ["LOAM_BUILD_DIR"]) / "bin/record/storm"
ENVIRONMENT = preload.plain_environment()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.file = os.path.join(self.folder, "out.loam")

    def run_loam(self, *words, status=0, **more):
        done = subprocess.run([LOAM, *map(str, words)], env=ENVIRONMENT, cwd=self.folder, text=True, capture_output=True,
                              timeout=120, check=False, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def record(self, *program, options=(), status=0, **more):
        return self.run_loam("record", "--output", self.file, *options, "--", *program, status=status, **more)

    def start(self, *program):
        recorder = subprocess.Popen([LOAM, "record", "--output", self.file, "--", *map(str, program)], env=ENVIRONMENT,
                                    text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for cleanup in (recorder.wait, recorder.stdout.close, recorder.stdin.close, recorder.stderr.close, recorder.kill):
            self.addCleanup(cleanup)
        return recorder

    def child_of(self, recorder):
        children = pathlib.Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
        self.assertEqual(len(children), 1)
        return int(children[0])

    def events(self, file=None, status=0):
        done = self.run_loam("export", file or self.file, status=status)
        return list(csv.DictReader(io.StringIO(done.stdout))), done.stderr

    def check(self, events):
        """Counts by kind, and that every free is of a live block and every allocation of a free place."""
        live = {}
        counts = collections.Counter()
        for event in events:
            counts[event["event"], event["resize"]] += 1
            if event["event"] == "allocate":
                self.assertNotIn(event["address"], live)
                live[event["address"]] = event
            else:
                self.assertIn(event["address"], live)
                del live[event["address"]]
        return counts, live


class Record(Case):
    def test_every_call_of_every_thread(self):
        for threads in (1, 4, 70):  # the last more than there are rings
            with self.subTest(threads=threads):
                done = self.record(STORM, threads, 20000 if threads < 70 else 2000)
                allocations, frees, resizes = map(int, done.stdout.splitlines()[-1].split()[1:])
                events, _ = self.events()
                counts, _ = self.check(events)
                self.assertEqual(counts["allocate", "1"], resizes)
                self.assertEqual(counts["free", "1"], resizes)
                # The C library's own for threads and streams come on top.
                self.assertIn(counts["allocate", "0"] - allocations, range(0, 400))
                self.assertIn(counts["free", "0"] - frees, range(0, 400))
                self.assertGreaterEqual(len({event["thread"] for event in events}), threads)
                self.assertIn(f"{len(events):,} events", done.stderr)

    def test_stacks(self):
        self.record(STORM, 1, 1000)
        folded = self.run_loam("export", "--format", "folded", self.file).stdout
        self.assertTrue(any(";work" in line and int(line.split()[-1]) > 10000 for line in folded.splitlines()), folded)
        self.record(STORM, 1, 1000, options=["--no-stacks"])
        self.assertTrue(all(event["stack"] == "0" for event in self.events()[0]))

    def test_children_have_files_of_their_own(self):
        self.record("sh", "-c", f"{STORM} 1 1000 >/dev/null; {STORM} 1 2000 > /dev/null; true")
        storms = [os.path.join(self.folder, name) for name in os.listdir(self.folder) if name != "out.loam"]
        sizes = sorted(len(self.events(name)[0]) for name in storms)
        self.assertGreater(sizes[-1], 1.5 * sizes[-2])
        self.record("sh", "-c", f"{STORM} 1 1000 >/dev/null; true", options=["--no-follow"])

    def test_status_is_passed_on(self):
        self.record("sh", "-c", "exit 7", status=7)
        self.run_loam("record", "--output", "/nowhere/at/all", "--", "true", status=1)
        self.assertIn("no program given", self.run_loam("record", status=2).stderr)


class Killed(Case):
    def test_the_program(self):
        recorder = self.start(STORM, 2, 20000, "pause")
        self.assertEqual(recorder.stdout.readline(), "ready\n")
        os.kill(self.child_of(recorder), signal.SIGKILL)
        recorder.communicate(timeout=60)
        self.assertEqual(recorder.returncode, -signal.SIGKILL)
        self.assertEqual(list(pathlib.Path("/dev/shm").glob(f"loam-record-{recorder.pid}-*")), [])
        counts, _ = self.check(self.events()[0])
        self.assertGreater(sum(counts.values()), 19000)

    def test_the_tool(self):
        for number in (signal.SIGKILL, signal.SIGSTOP):
            with self.subTest(signal=number):
                recorder = self.start(STORM, 2, 400000, "pause")
                self.assertEqual(recorder.stdout.readline(), "ready\n")
                program = self.child_of(recorder)
                recorder.send_signal(number)
                begin = time.monotonic()
                recorder.stdin.write("go\n")
                recorder.stdin.flush()
                self.assertRegex(recorder.stdout.readline(), r"^done \d+ \d+ \d+$")
                self.assertLess(time.monotonic() - begin, 30)
                if number == signal.SIGSTOP:
                    recorder.send_signal(signal.SIGCONT)
                    _, errors = recorder.communicate(timeout=60)
                    self.assertEqual(recorder.returncode, 0)
                    self.assertIn("cut: nobody took the events for a second", errors)
                    self.check(self.events()[0])
                else:
                    recorder.wait(60)
                    events, errors = self.events(status=1)
                    self.assertGreater(len(events), 100000)
                    left = pathlib.Path("/dev/shm").glob(f"loam-record-{recorder.pid}-*")
                    self.run_loam("record", "--output", os.path.join(self.folder, "next.loam"), "--", "true")
                    self.assertFalse(any(folder.exists() for folder in left))
                    self.assertIn("cut off", errors)
                    self.assertFalse(pathlib.Path(f"/proc/{program}").exists() and
                                     "storm" in pathlib.Path(f"/proc/{program}/cmdline").read_text())

    def test_a_full_disk(self):
        # Less than what is recorded; ignoring the signal is the tool's business.
        done = subprocess.run(["sh", "-c", f"trap '' XFSZ; ulimit -f 100; exec {LOAM} record --output {self.file} -- {STORM} 2 200000"],
                              env=ENVIRONMENT, text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("done", done.stdout)


class Readers(Case):
    def test_truncated_and_damaged(self):
        self.record(STORM, 1, 300000)
        whole, _ = self.events()
        content = pathlib.Path(self.file).read_bytes()
        pathlib.Path(self.file).write_bytes(content[:len(content) * 2 // 3])
        part, errors = self.events(status=1)
        self.assertEqual(part, whole[:len(part)])
        self.assertGreater(len(part), 0)
        self.assertIn("cut off", errors)
        bad = bytearray(content)
        bad[len(bad) // 2] ^= 16
        pathlib.Path(self.file).write_bytes(bytes(bad))
        part, errors = self.events(status=1)
        missing = int(re.search(r"a block is damaged: missing are (\d+) events between [0-9.]+ s and", errors)[1])
        self.assertEqual(len(part) + missing, len(whole))
        first = next(i for i, event in enumerate(part) if event != whole[i])
        self.assertEqual(part[first:], whole[first + missing:])
        replayed = self.run_loam("replay", self.file, status=1)
        self.assertIn("Recommended:", replayed.stdout)
        self.assertIn("damaged", replayed.stderr)
        page = self.run_loam("report", self.file, status=1)
        self.assertIn("damaged", page.stderr)

    def test_report_and_replay(self):
        self.record(STORM, 2, 20000)
        page = pathlib.Path(self.run_loam("report", self.file).stdout.strip()).read_text()
        self.assertIn("<html", page)
        replay = self.run_loam("replay", self.file)
        self.assertIn("Recommended:", replay.stdout)
        self.run_loam("replay", "--format", "json", "--output", "policies.json", self.file)
        self.run_loam("check", "--format", "json", "--output", "findings.json", "--", STORM, 1, 100)
        beside = ("--policies", "policies.json", "--findings", "findings.json")
        self.run_loam("report", self.file, *beside)
        wrong = self.run_loam("report", self.file, "--policies", "findings.json", status=1)
        self.assertIn("findings.json is no loam-replay/1 in JSON", wrong.stderr)

    def test_no_recording(self):
        pathlib.Path(self.file).write_text("nothing of the kind")
        for command in ("report", "export"):
            self.assertIn("is no recording", self.run_loam(command, self.file, status=1).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
