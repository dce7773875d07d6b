"""A running process answers, whatever it does at the moment, and is not disturbed by it."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time
import unittest

import channel
import live
from live import LOAM, PROGRAMS, ask

HABITS = PROGRAMS / "habits"
PYTHON = "/usr/bin/python3"


def query(pid):
    """One question by a bare client: (answer, version, pid, pause, bytes announced, bytes that came)."""
    with channel.Listener() as listener:
        connection = listener.call(pid)
        with connection:
            connection.sendall(channel.request(listener.cookie))
            return channel.reply(channel.read_all(connection))


class Answers(live.Case):
    def test_python(self):
        target, _ = self.start(PYTHON, "-c", "x = bytearray(9 << 20); print('ready', flush=True); input()")
        before = live.seen_from_outside(target.pid)
        process = self.figures(target.pid)
        self.assertEqual(process["pid"], target.pid)
        self.assertEqual(process["executable"], os.path.realpath(PYTHON))
        self.assertGreater(process["walk"]["live_bytes"], 9 << 20)
        self.assertEqual(set(process["reasons"]), {"calls", "break"})
        self.assertGreater(process["kernel"]["kinds"]["mmap"]["calls"], 0)
        self.assertIsNone(process["kernel"]["kinds"]["mmap"]["ns"], "only a timed process knows that")
        self.assertGreater(process["usage"]["minor_faults"], 0)
        self.wait_until_alone(target.pid, before)
        self.finish(target)

    def test_statistics_mode_answers_with_its_counts(self):
        tool = subprocess.Popen([LOAM, "run", "--stats", "--", PYTHON, "-c", "print('ready', flush=True); input()"],
                                env=live.preload.plain_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        self.addCleanup(tool.communicate)
        self.addCleanup(tool.kill)
        self.assertEqual(tool.stdout.readline(), "ready\n")
        children = pathlib.Path(f"/proc/{tool.pid}/task/{tool.pid}/children").read_text().split()
        self.assertEqual(len(children), 1)
        process = self.figures(children[0])
        self.assertGreater(process["calls"]["allocations"], 1000)
        self.assertEqual(process["calls"]["live_blocks"], process["walk"]["live_blocks"])
        self.assertEqual(process["calls"]["live_usable"], process["walk"]["live_bytes"], "counting and looking agree")
        self.assertEqual(set(process["reasons"]), {"break"})
        self.assertIsNotNone(process["kernel"]["kinds"]["mmap"]["ns"])
        self.assertEqual(process["birth"], "started")
        tool.stdin.write("\n")

    def test_blocked_in_read(self):
        target, _ = self.start(HABITS, "reads")
        for _ in range(20):
            self.assertEqual(query(target.pid)[0], channel.OK)
        self.assertEqual(self.finish(target), "got go")

    def test_all_but_one_thread_block_the_signal(self):
        code = ("import signal, threading, time\n"
                "threading.Thread(target=time.sleep, args=(300,), daemon=True).start()\n"
                f"signal.pthread_sigmask(signal.SIG_BLOCK, [{channel.SIGNAL}])\n"
                "print('ready', flush=True); input()")
        target, _ = self.start(PYTHON, "-c", code)
        self.assertEqual(query(target.pid)[0], channel.OK)
        self.finish(target)

    def test_a_thousand_questions_under_load(self):
        target, _ = self.start(PROGRAMS / "busy")
        before = live.seen_from_outside(target.pid)["task"]
        for _ in range(1000):
            answer, _, pid, pause, announced, came = query(target.pid)
            self.assertEqual((answer, pid, announced), (channel.OK, target.pid, came))
            self.assertGreater(pause, 0)
        self.assertGreater(self.figures(target.pid)["walk"]["live_blocks"], 0)
        deadline = time.monotonic() + 60
        while live.count(target.pid, "task") != before and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(live.count(target.pid, "task"), before)
        self.assertEqual(self.finish(target), "sound")

    def test_while_it_forks_and_while_threads_come_and_go(self):
        for way in ("forks", "threads"):
            target, _ = self.start(HABITS, way)
            for _ in range(300):
                self.assertEqual(query(target.pid)[0], channel.OK)
            self.assertEqual(self.finish(target), "0 bad", way)

    def test_no_child_appears_and_nothing_stays(self):
        target, _ = self.start(HABITS, "children")
        before = live.seen_from_outside(target.pid)
        self.assertEqual(before["task"], 1)
        for _ in range(20):
            self.assertEqual(query(target.pid)[0], channel.OK)
        self.wait_until_alone(target.pid, before)
        self.assertEqual(self.finish(target), "none")

    def test_a_forked_child_answers_for_itself(self):
        code = ("import os, sys\nif os.fork() == 0:\n    x = bytearray(5 << 20)\n    print('ready', os.getpid(), flush=True)\n"
                "    sys.stdin.read()\n    os._exit(0)\nos.wait()")
        target, (_, child) = self.start(PYTHON, "-c", code)
        here, there = self.figures(target.pid), self.figures(int(child))
        self.assertEqual(there["pid"], int(child))
        self.assertGreater(there["walk"]["live_bytes"], here["walk"]["live_bytes"] + (4 << 20))
        self.finish(target)


class TheProgramsSignal(live.Case):
    """The signal belongs to the program if it wants it."""

    def test_own_handler_stays(self):
        target, _ = self.start(HABITS, "handler")
        done = ask(target.pid)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no answer in 2 s", done.stderr)
        self.assertEqual(self.finish(target), "handled 1")

    def test_ignored_stays_ignored(self):
        target, _ = self.start(HABITS, "ignored", preexec_fn=lambda: signal.signal(channel.SIGNAL, signal.SIG_IGN))
        done = ask(target.pid)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not listen", done.stderr)
        self.assertEqual(self.finish(target), "ignored")

    def test_sent_by_kill_it_ends_the_process_as_ever(self):
        for env in (live.preload.environment(), live.preload.plain_environment()):
            target, _ = self.start(HABITS, "reads", env=env)
            target.send_signal(channel.SIGNAL)
            self.assertEqual(target.wait(timeout=60), -channel.SIGNAL)

    def test_passive(self):
        target, _ = self.start(HABITS, "reads", options="deny=habits")
        done = ask(target.pid)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not listen", done.stderr)
        self.assertEqual(self.finish(target), "got go")


class Refusals(live.Case):
    """Who asks wrongly gets nothing, and the process goes on."""

    def setUp(self):
        self.target, _ = self.start(HABITS, "reads")
        self.before = live.seen_from_outside(self.target.pid)

    def tearDown(self):
        self.wait_until_alone(self.target.pid, self.before)
        self.assertEqual(query(self.target.pid)[0], channel.OK, "the next question is answered")
        self.assertEqual(self.finish(self.target), "got go")

    def test_malformed_requests(self):
        for wrong in ({"magic": 1}, {"cookie": 1}):
            with channel.Listener() as listener, listener.call(self.target.pid) as connection:
                connection.sendall(channel.request(**{"cookie": listener.cookie, **wrong}))
                self.assertEqual(channel.read_all(connection), b"", wrong)
        for unknown in ({"version": 99}, {"ask": 77}):
            with channel.Listener() as listener, listener.call(self.target.pid) as connection:
                connection.sendall(channel.request(listener.cookie, **unknown))
                answer, version, _, _, announced, came = channel.reply(channel.read_all(connection))
                self.assertEqual((answer, version, announced, came), (channel.UNKNOWN_REQUEST, channel.VERSION, 0, 0))

    def test_broken_off(self):
        with channel.Listener() as listener, listener.call(self.target.pid) as connection:
            connection.sendall(channel.request(listener.cookie)[:10])
        with channel.Listener() as listener, listener.call(self.target.pid) as connection:
            connection.sendall(channel.request(listener.cookie))

    def test_silence_is_waited_for_two_seconds(self):
        with channel.Listener() as listener, listener.call(self.target.pid) as connection:
            start = time.monotonic()
            self.assertEqual(live.count(self.target.pid, "task"), 2)
            self.assertEqual(channel.read_all(connection), b"")
            self.assertGreater(time.monotonic() - start, 1.5)

    def test_nobody_listens(self):
        channel.queue_signal(self.target.pid, 12345)

    def test_too_many_at_once(self):
        with contextlib.ExitStack() as open_things:
            listeners = [open_things.enter_context(channel.Listener()) for _ in range(9)]
            connections = [open_things.enter_context(one.call(self.target.pid)) for one in listeners[:8]]
            listeners[8].socket.settimeout(0.3)
            with self.assertRaises(TimeoutError, msg="the ninth is ignored"):
                listeners[8].call(self.target.pid)
            answers = []
            for listener, connection in zip(listeners, connections):
                connection.sendall(channel.request(listener.cookie))
                answers.append(channel.reply(channel.read_all(connection))[0])
        self.assertEqual(answers, [channel.OK] * 4 + [channel.BUSY] * 4)

    @unittest.skipUnless(os.getuid() == 0, "needs root to have a listener of another user")
    def test_listener_of_another_user(self):
        with channel.Listener() as listener:
            os.seteuid(65534)
            try:
                listener.socket.listen(16)  # the kernel notes who called listen(2) last
            finally:
                os.seteuid(0)
            with listener.call(self.target.pid) as connection:
                try:
                    connection.sendall(channel.request(listener.cookie))
                    data = channel.read_all(connection)
                except ConnectionError:
                    data = b""
                self.assertEqual(data, b"")


if __name__ == "__main__":
    live.main()
