"""Exit statuses, signals and the environment of the program that is run."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import support
from support import FAKE, LOAM, loam, run_fake


class Status(unittest.TestCase):
    def test_status_is_passed_on(self):
        for status in (0, 1, 2, 99, 125, 255):
            for options in ((), ("--stats",)):
                done = run_fake("sh", "-c", f"exit {status}", options=options)
                self.assertEqual(done.returncode, status, done)

    def test_signal_is_passed_on(self):
        for number in (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            done = run_fake("sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(done.returncode, -number, done)

    def test_signal_without_a_name(self):
        done = run_fake("sh", "-c", f"kill -{signal.SIGRTMIN + 3} $$", options=("--stats",))
        self.assertEqual(done.returncode, -(signal.SIGRTMIN + 3), done)
        self.assertIn("killed by signal", done.stderr)

    def test_shell_sees_the_usual_number(self):
        done = subprocess.run(["sh", "-c", f"{LOAM} run --library {FAKE} -- sh -c 'kill -9 $$'; echo $?"],
                              capture_output=True, text=True, env=support.plain_environment())
        self.assertEqual(done.stdout, "137\n")

    def test_usage(self):
        for arguments in (("run",), ("run", "--"), ("run", "--no-such-flag", "--", "true"), ("no-such-command",), (),
                          ("run", "--source", "tape", "--", "true"), ("run", "--format", "xml", "--", "true"),
                          ("run", "--purge-delay-ms", "soon", "--", "true"), ("stats",), ("stats", "x"),
                          ("stats", "-3"), ("run", "--format", "json", "--", "true"),
                          ("run", "--no-follow", "--", "true"), ("doctor", "--format", "yaml"),
                          ("run", "--source", "file:", "--", "true"), ("--generate", "pdf")):
            done = loam(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done))
            self.assertTrue(done.stderr.startswith("loam: "), (arguments, done.stderr))
            self.assertEqual(done.stdout, "", arguments)

    def test_bad_options_in_the_environment(self):
        done = run_fake("true", env=support.plain_environment(LOAM_OPTIONS="source=mmap:colour=1"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("LOAM_OPTIONS: unknown option 'colour'", done.stderr)

    def test_the_program_keeps_its_own_options(self):
        show = "import sys; print(sys.argv[1:])"
        for separator in (["--"], []):
            done = loam("run", "--library", FAKE, *separator, sys.executable, "-c", show, "--stats", "--", "run")
            self.assertEqual(done.stdout, "['--stats', '--', 'run']\n", done)
        done = loam("run", "--library=" + FAKE, "echo", "doctor")
        self.assertEqual(done.stdout, "doctor\n", done)

    def test_environment(self):
        env = support.plain_environment(LD_PRELOAD="libm.so.6", LOAM_OPTIONS="verbose=0")
        done = run_fake("sh", "-c", "echo $LD_PRELOAD; echo $LOAM_OPTIONS", env=env,
                        options=("--source", "file:/tmp/a:b=c", "--purge-delay-ms=7"))
        preload, options = done.stdout.splitlines()
        self.assertEqual(preload, f"{FAKE}:libm.so.6")
        self.assertEqual(options, "verbose=0:source=file:/tmp/a\\:b=c:purge_delay_ms=7")

    def test_values_that_look_like_options(self):
        for value, written in (("file:a=b", "source=file\\:a=b"), ("file:/x:", "source=file:/x\\:"),
                               ("file:/a\\b", "source=file:/a\\\\b"), ("file:/a:b", "source=file:/a:b")):
            done = run_fake("sh", "-c", "printf %s \"$LOAM_OPTIONS\"", options=("--source", value))
            self.assertEqual(done.stdout, written)

    def test_no_counter_file_is_left(self):
        def counters(pid):
            """Of that tool alone: other tests may be running theirs just now."""
            return list(pathlib.Path("/dev/shm").glob(f"loam-counters-{pid}-*"))

        for script in ("echo; read line", "echo; read line; kill -9 $$"):
            tool = subprocess.Popen([LOAM, "run", "--library", FAKE, "--stats", "--", "sh", "-c", script], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                    env=support.plain_environment())
            self.addCleanup(tool.kill)
            self.assertEqual(tool.stdout.readline(), "\n")
            self.assertEqual(len(counters(tool.pid)), 1, "there is one while the program runs")
            tool.communicate("\n", timeout=60)
            self.assertEqual(counters(tool.pid), [])

    def test_a_stale_counter_file_is_removed(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        stale = pathlib.Path(f"/dev/shm/loam-counters-{gone.pid}-abcdef")
        stale.write_text("")
        kept = pathlib.Path(f"/dev/shm/loam-counters-{os.getpid()}-abcdef")
        kept.write_text("")
        self.addCleanup(kept.unlink)
        run_fake("true", options=("--stats",))
        self.assertFalse(stale.exists())
        self.assertTrue(kept.exists(), "its tool still runs")

    def test_report_file_is_checked_before_the_program_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = pathlib.Path(folder) / "ran"
            done = run_fake("touch", mark, options=("--stats=/no/such/folder/report",))
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("cannot write '/no/such/folder/report'", done.stderr)
            self.assertFalse(mark.exists())


class Signals(unittest.TestCase):
    def start(self, script, **more):
        process = subprocess.Popen([LOAM, "run", "--library", FAKE, "--", "sh", "-c", script], text=True,
                                   stdout=subprocess.PIPE, env=support.plain_environment(), **more)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_a_report_without_room_in_its_file_is_printed(self):
        done = run_fake("sh", "-c", "exit 3", options=("--stats", "--output", "/dev/full"))
        self.assertEqual(done.returncode, 3, "the status is the program's")
        self.assertIn("loam: cannot write '/dev/full': No space left on device; the report follows", done.stderr)
        self.assertIn("exit status 3", done.stderr)

    def test_messages_name_what_was_given(self):
        self.assertIn("no command given; see 'loam --help'", loam().stderr)
        for pid in ("x", "0", "99999999999", "-1"):
            self.assertIn(f"'{pid}' is no process id", loam("stats", "--", pid).stderr, pid)

    def test_what_is_unknown_is_named_alone(self):
        for arguments, message in ((("report", "a", "--colour", "red"), "unknown option '--colour'; see 'loam report --help'"),
                                   (("report", "a", "b", "c"), "unexpected 'b'; see 'loam report --help'"),
                                   (("record", "--colour=red", "--", "true"), "unknown option '--colour'; see"),
                                   (("record", "-x", "--", "true"), "unknown option '-x'; see 'loam record --help'")):
            done = loam(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done)
            self.assertIn(message, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_output_has_a_short_name(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, words in (("apart", ["-o", f"{folder}/apart"]), ("joined", [f"-o{folder}/joined"])):
                done = run_fake("true", options=("--stats", *words))
                self.assertEqual((done.returncode, done.stderr), (0, ""), done)
                self.assertIn("Calls", (pathlib.Path(folder) / name).read_text())

    def test_signals_reach_the_program(self):
        for name in ("TERM", "INT", "HUP", "USR1", "USR2", "QUIT"):
            process = self.start(f"trap 'echo got {name}; exit 5' {name}; echo ready; while :; do sleep 0.02; done")
            process.send_signal(getattr(signal, "SIG" + name))
            self.assertEqual(process.stdout.read(), f"got {name}\n")
            self.assertEqual(process.wait(20), 5)

    def test_a_signal_of_the_terminal_comes_once(self):
        """Ctrl-C goes to the whole foreground group; the tool must not add a second one."""
        import pty
        pid, terminal = pty.fork()
        if pid == 0:
            code = ("import signal, time, sys\nhits = []\nsignal.signal(signal.SIGINT, lambda *_: hits.append(1))\n"
                    "print('ready', flush=True)\nwhile not hits: time.sleep(0.01)\nend = time.monotonic() + 0.7\n"
                    "while time.monotonic() < end: time.sleep(0.05)\nsys.exit(40 + len(hits))")
            os.execve(LOAM, [LOAM, "run", "--library", FAKE, "--", sys.executable, "-c", code],
                      support.plain_environment())
        seen = b""
        while b"ready" not in seen:
            seen += os.read(terminal, 1000)
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(os.WEXITSTATUS(status), 41, "the program got the signal exactly once")

    def test_ignored_child_signal(self):
        """A parent that ignores SIGCHLD leaves it so; the status must arrive all the same."""
        done = run_fake("sh", "-c", "exit 6",
                        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(done.returncode, 6, done)

    def test_the_signal_mask_of_the_program_is_untouched(self):
        code = "print([l for l in open('/proc/self/status') if l.startswith('SigBlk')][0].split()[1])"
        done = run_fake(sys.executable, "-c", code)
        self.assertEqual(int(done.stdout, 16), 0)

    def test_the_tool_ends_with_the_program(self):
        """A child of the program that lives on does not hold the tool up."""
        with tempfile.NamedTemporaryFile("r") as file:
            done = subprocess.run([LOAM, "run", "--library", FAKE, "--", "sh", "-c", f"sleep 300 & echo $! > {file.name}; exit 3"],
                                  env=support.plain_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=200, check=False)
            child = int(file.read())
        os.kill(child, signal.SIGKILL)  # it lives: else there were nobody to kill
        self.assertEqual(done.returncode, 3)


if __name__ == "__main__":
    support.main()
