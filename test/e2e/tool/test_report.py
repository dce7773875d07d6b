"""The report of `loam run --stats`, from figures that the stand-in for the runtime makes up."""
import json
import os
import pathlib
import re
import sys
import tempfile
import unittest

import support
from support import loam, run_fake, stats_of

NUMBER = (int, float)
NULL = type(None)

CROSSING = {"calls": int, "call_ns": NUMBER, "call_ns_from": str, "minor_faults": (int, NULL),
            "fault_ns": (int, float, NULL), "cpu_ns": (int, float, NULL), "share_of_cpu": (int, float, NULL)}
PROCESS = {"pid": int, "parent_pid": int, "executable": str, "birth": str, "source": str,
           "end": {"text": str, "exit": (int, NULL), "signal": (int, NULL)}, "duration_ns": (int, NULL),
           "calls": (dict, NULL), "kernel": (dict, NULL), "crossing": (dict, NULL), "break": (dict, NULL),
           "walk": (dict, NULL), "overhead": (dict, NULL), "resident": (dict, NULL), "usage": (dict, NULL),
           "classes": list, "reasons": dict}
REPORT = {"schema": str, "program": list, "pid": int, "status": dict, "wall_ns": int,
          "usage": {"user_s": NUMBER, "system_s": NUMBER, "peak_rss": int, "minor_faults": int, "major_faults": int},
          "prices": dict, "processes": list,
          "summary": {"processes": int, "records": int, "without_record": int, "allocations": (int, NULL),
                      "frees": (int, NULL), "requested_bytes": (int, NULL), "usable_bytes": (int, NULL),
                      "failures": (int, NULL), "passed_on": (int, NULL), "kernel_allocations": (int, NULL),
                      "kernel_failures": (int, NULL), "served_share": (int, float, NULL), "crossing": (dict, NULL)}}
EXITING = "import os; os.fork() or os._exit(0); os.wait()"  # children end by _exit


def check_shape(test, value, shape, where):
    for name, kind in shape.items():
        test.assertIn(name, value, where)
        if isinstance(kind, dict):
            check_shape(test, value[name], kind, f"{where}.{name}")
        else:
            test.assertIsInstance(value[name], kind, f"{where}.{name}")


class Json(unittest.TestCase):
    def check(self, report):
        check_shape(self, report, REPORT, "report")
        self.assertEqual(report["schema"], "loam-run/1")
        for process in report["processes"]:
            check_shape(self, process, PROCESS, "process")
            for group in ("calls", "kernel", "break", "walk", "resident", "usage"):
                self.assertEqual(process[group] is None, group in process["reasons"], group)
            if process["crossing"]:
                check_shape(self, process["crossing"], CROSSING, "crossing")

    def test_figures(self):
        report, done = stats_of(sys.executable, "-c", "print('out')")
        self.check(report)
        self.assertEqual(done.stdout, "out\n")
        self.assertEqual(report["status"], {"exit": 0})
        (process,) = report["processes"]
        self.assertEqual(process["pid"], report["pid"])
        self.assertEqual(process["end"]["exit"], 0)
        self.assertEqual(process["calls"]["allocations"], 100)
        self.assertEqual(process["calls"]["frees"], 60)
        self.assertEqual(process["calls"]["symbols"]["malloc"], 100)
        self.assertEqual(process["calls"]["foreign_frees"], 1)
        self.assertEqual(process["kernel"]["kinds"]["mmap"],
                         {"calls": 2, "failures": 1, "bytes": 131072, "ns": 5000})
        self.assertEqual(process["overhead"],
                         {"headers": 0, "padding": 240, "metadata": 4096, "free_in_span": 2000, "dirty_cache": 8192,
                          "total": 240 + 4096 + 2000 + 8192})
        self.assertEqual(process["resident"]["unaccounted"], 1000)
        self.assertEqual(process["classes"][0], {"bytes": 16, "allocations": 70, "frees": 0, "live_blocks": 40,
                                                 "free_blocks": 0, "spans": 0, "resident_free": 0,
                                                 "stranded": 0})
        price = report["prices"]["small_fault"]["median_ns"]
        crossing = process["crossing"]
        self.assertAlmostEqual(crossing["share_of_cpu"], (5000 + 100 * price) / 10_000_000)
        self.assertAlmostEqual(report["summary"]["served_share"], 159 / 160)

    def test_what_is_not_known_is_null_with_a_reason(self):
        report, _ = stats_of(sys.executable, "-c", "import os; os._exit(4)")
        self.check(report)
        (process,) = report["processes"]
        self.assertEqual(process["end"]["text"], "_exit with status 4")
        self.assertEqual(process["calls"]["allocations"], 100, "what was counted is not lost")
        for group in ("walk", "resident", "usage"):
            self.assertIsNone(process[group])
            self.assertIn("without running its exit handlers", process["reasons"][group])
        self.assertIn("--source sbrk", process["reasons"]["break"])
        self.assertIsNone(process["overhead"])
        self.assertIsNone(process["classes"][0]["live_blocks"])

    def test_killed(self):
        report, done = stats_of("sh", "-c", "kill -9 $$")
        self.check(report)
        self.assertEqual(done.returncode, -9)
        self.assertEqual(report["status"], {"signal": 9})
        self.assertEqual(report["processes"][0]["end"]["signal"], 9)
        self.assertIn("signal 9 ended the process", report["processes"][0]["reasons"]["walk"])

    def test_children_and_executed_programs_have_records(self):
        report, _ = stats_of(sys.executable, "-c", EXITING)
        self.check(report)
        root, child = report["processes"]
        self.assertEqual((root["birth"], child["birth"]), ("started", "forked"))
        self.assertEqual(child["parent_pid"], root["pid"])
        self.assertEqual(report["summary"]["processes"], 2)
        self.assertEqual(report["summary"]["allocations"], 200)
        report, _ = stats_of("env", "true")
        first, second = report["processes"]
        self.assertEqual(first["pid"], second["pid"])
        self.assertEqual(first["end"]["text"], "executed another program")
        self.assertEqual(second["end"]["exit"], 0)
        self.assertEqual((report["summary"]["processes"], report["summary"]["records"]), (1, 2))

    def test_a_child_that_lives_on(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "report"
            code = "import os, time\nif os.fork() == 0: time.sleep(1.5)"
            run_fake(sys.executable, "-c", code, options=(f"--stats={file}", "--format", "json"))
            report = json.loads(file.read_text())
        self.check(report)
        self.assertEqual([p["end"]["text"] for p in report["processes"]], ["exit status 0", "still running"])

    def test_no_follow(self):
        report, _ = stats_of(sys.executable, "-c", EXITING, options=("--no-follow",))
        self.check(report)
        self.assertEqual(len(report["processes"]), 1)

    def test_no_record(self):
        report, _ = stats_of("env", "-i", "/bin/true", env=support.plain_environment(LOAM_OPTIONS=""))
        self.assertEqual(report["summary"]["records"], 1, "env itself")
        done = loam("run", "--library", support.PROGRAMS / "libjemalloc.so.2", "--stats", "--format", "json", "--", "true")
        report = json.loads(done.stderr)
        self.check(report)
        self.assertEqual(report["processes"], [])
        self.assertIsNone(report["summary"]["allocations"])
        self.assertEqual(report["summary"]["reason"], "no process left a record")

    def test_bytes_that_are_no_text(self):
        report, _ = stats_of("sh", "-c", "true", b"\xff\xfe".decode("utf-8", "surrogateescape"))
        self.check(report)
        self.assertIn("\ufffd", report["program"][-1])

    def test_many_processes(self):
        report, _ = stats_of("sh", "-c", "i=0; while [ $i -lt 300 ]; do (:); i=$((i+1)); done")
        self.check(report)
        self.assertEqual(report["summary"]["processes"], 301)


class Text(unittest.TestCase):
    def test_report_goes_where_it_is_told(self):
        done = run_fake("echo", "out", options=("--stats",))
        self.assertEqual(done.stdout, "out\n")
        self.assertIn("loam: echo out\n", done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            for options in ([f"--stats={folder}/a"], ["--stats", "--output", f"{folder}/a"]):
                done = run_fake("echo", "out", options=options)
                self.assertEqual((done.stdout, done.stderr), ("out\n", ""))
                self.assertIn("loam: echo out\n", pathlib.Path(f"{folder}/a").read_text())

    def test_without_stats_nothing_is_printed(self):
        self.assertEqual(run_fake("true").stderr, "")

    def test_text(self):
        text = run_fake(sys.executable, "-c", "", options=("--stats",)).stderr
        self.assertIn("malloc 100, free 60", text)
        self.assertIn("99.375 % of 160 calls served by loam, 1 passed on to another malloc", text)
        self.assertRegex(text, r"mmap +2 +128\.0 KiB +5\.00 us +1\n")
        self.assertIn("overhead: 240 B padding + 4.0 KiB metadata + 2.0 KiB free in spans + 8.0 KiB free spans", text)
        self.assertRegex(text, r"unaccounted +1000 B +1\.0 %")
        self.assertIn("exit status 0", text)
        self.assertNotIn("\033", text, "no colour into a pipe")

    def test_columns_line_up(self):
        lines = run_fake(sys.executable, "-c", "", options=("--stats",)).stderr.splitlines()
        start = next(i for i, line in enumerate(lines) if re.search(r"^ +size +allocations", line))
        ends = [[m.end() for m in re.finditer(r"\S+", line)][1:] for line in lines[start:start + 3]]
        self.assertTrue(all(row == ends[0] for row in ends), lines[start:start + 3])

    def test_colour_on_a_terminal_only(self):
        import pty
        for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            pid, terminal = pty.fork()
            if pid == 0:
                os.execve(support.LOAM, [support.LOAM, "run", "--library", support.FAKE, "--stats", "--", "true"],
                          support.plain_environment(**{"TERM": "xterm", **more}))
            seen = b""
            while True:
                try:
                    part = os.read(terminal, 4096)
                except OSError:
                    break
                if not part:
                    break
                seen += part
            os.waitpid(pid, 0)
            os.close(terminal)
            self.assertIn(b"served by loam", seen)
            self.assertEqual(b"\033[" in seen, coloured, more)


class Doctor(unittest.TestCase):
    def test_json(self):
        report = json.loads(loam("doctor", "--format", "json").stdout)
        self.assertEqual(report["schema"], "loam-doctor/1")
        for name, price in report["prices"].items():
            if price["median_ns"] is None:
                self.assertTrue(price["reason"], name)
            else:
                self.assertGreater(price["lowest_ns"], 0, name)
                self.assertLessEqual(price["lowest_ns"], price["median_ns"], name)
        self.assertGreater(report["prices"]["small_fault"]["median_ns"],
                           report["prices"]["system_call"]["median_ns"] / 10)
        limits = {limit["name"]: limit for limit in report["limits"]}
        with open("/proc/sys/vm/max_map_count", encoding="ascii") as file:
            self.assertEqual(limits["max_map_count"]["value"], int(file.read()))
        self.assertTrue(all(isinstance(f["available"], bool) and f["detail"] for f in report["features"]))
        self.assertIn("can", {verdict["kind"] for verdict in report["verdicts"]})

    def test_limits_are_seen(self):
        import resource
        done = loam("doctor", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("address space is limited to 4294967296 bytes", done.stdout)


if __name__ == "__main__":
    support.main()
