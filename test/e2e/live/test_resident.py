"""Resident memory by part, each measured on its own: nothing is left over, and what a program is known to hold is found
in the part where it belongs."""
import json
import os
import subprocess
import time

import live
from live import LOAM, PROGRAMS

PYTHON = "/usr/bin/python3"
MOST_UNACCOUNTED = 0.02
MIB = 1 << 20
PAGE = 4096


def kernels_rss(pid):
    """Counted page by page: what status says leaves out what each processor has not told yet, more the more there are."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))


def class_of(process, size):
    return next(entry for entry in process["classes"] if entry["bytes"] == size)


class Parts(live.Case):
    def check_sum(self, process, rss=None):
        resident = process["resident"]
        self.assertIsNotNone(resident, process["reasons"])
        self.assertGreater(resident["live"], 0)
        self.assertGreater(resident["metadata"], 0)
        self.assertGreater(resident["foreign"], 0)
        self.assertLessEqual(abs(resident["unaccounted"]), MOST_UNACCOUNTED * resident["rss"], resident)
        if rss is not None:
            self.assertLessEqual(abs(resident["rss"] - rss), MOST_UNACCOUNTED * rss, "the kernel's own figure")
        by_class = [entry["resident_free"] for entry in process["classes"]]
        self.assertLessEqual(sum(by_class), resident["free_in_span"])
        self.assertEqual(sum(entry["stranded"] for entry in process["classes"]), resident["stranded"])
        self.assertLessEqual(resident["stranded"], resident["free_in_span"])
        return resident

    def look(self, *command, **more):
        target, words = self.start(*command, **more)
        process = self.figures(target.pid)
        return self.check_sum(process, kernels_rss(target.pid)), process, words, target


class Resident(Parts):
    def test_python(self):
        code = ("import json, re, sqlite3\nx = [str(i) * 3 for i in range(300000)]\ndel x[::3]\n"
                "print('ready', flush=True)\ninput()")
        env = live.preload.environment(base={**os.environ, "PYTHONMALLOC": "malloc"})
        resident, _, _, target = self.look(PYTHON, "-c", code, env=env)
        self.assertGreater(resident["live"], 10 * MIB)
        self.finish(target)

    def test_perl(self):
        code = "my %h; $h{$_} = 'x' x ($_ % 500) for 1..60000; delete $h{$_ * 2} for 1..20000; $| = 1; print \"ready\\n\"; <STDIN>"
        resident, _, _, target = self.look("perl", "-e", code)
        self.assertGreater(resident["live"], 10 * MIB)
        self.finish(target)

    def test_sort(self):
        target = subprocess.Popen(["sort", "--buffer-size=64M"], env=live.preload.environment(), text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(target.wait)
        self.addCleanup(target.kill)
        self.addCleanup(target.stdin.close)
        text = "".join(f"{i * 7919 % 100003} some line\n" for i in range(1000000))
        target.stdin.write(text)
        target.stdin.flush()
        time.sleep(0.5)
        resident = self.check_sum(self.figures(target.pid), kernels_rss(target.pid))
        self.assertGreater(resident["live"], len(text) * 9 // 10)

    def test_at_the_end(self):
        for command in ([PYTHON, "-c", "x = list(map(str, range(100000)))"],
                        ["perl", "-e", "my @x = map { 'x' x $_ } 1..3000;"],
                        ["sort", "--version"]):
            with self.subTest(command[0]):
                done = subprocess.run([LOAM, "run", "--stats", "--format", "json", "--", *command], text=True,
                                      env=live.preload.plain_environment(), capture_output=True, check=True)
                process = json.loads(done.stderr[done.stderr.index("{"):])["processes"][0]
                self.check_sum(process)
                self.assertIsNotNone(process["usage"])

    def test_every_source(self):
        for source in ("mmap", "sbrk", "file:/tmp/loam-live"):
            with self.subTest(source):
                resident, _, _, target = self.look(PROGRAMS / "scattered", 200000, 100, 10, options=f"source={source}")
                self.assertGreater(resident["free_in_span"], 10 * MIB)
                self.finish(target)

    def test_blocks_of_all_kinds_are_live(self):
        code = ("import array, mmap\nblocks = [bytearray(b'x') * (n << 20) for n in (1, 3, 70)]\n"
                "foreign = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE)\nforeign.write(b'x' * (32 << 20))\n"
                "print('ready', flush=True)\ninput()")
        resident, process, _, target = self.look(PYTHON, "-c", code)
        self.assertGreater(resident["live"], 74 * MIB)
        self.assertGreater(resident["foreign"], 32 * MIB)
        self.assertGreater(process["walk"]["huge_bytes"], 70 * MIB)
        self.finish(target)

    def test_what_was_never_touched_is_not_resident(self):
        code = "import ctypes\nctypes.CDLL(None).malloc(40 << 20)\nprint('ready', flush=True)\ninput()"
        resident, process, _, target = self.look(PYTHON, "-c", code)
        self.assertGreater(process["walk"]["live_bytes"], 40 * MIB)
        self.assertLess(resident["live"], 20 * MIB)
        self.finish(target)


class Stranded(Parts):
    def test_scattered_survivors(self):
        """Every page with a survivor, less the survivors, is stranded: the program says how many pages that are."""
        resident, process, words, target = self.look(PROGRAMS / "scattered", 500000, 100, 1000)
        usable, kept, pages = map(int, words[1:4])
        row = class_of(process, usable)
        self.assertEqual(row["live_blocks"], kept)
        expected = pages * PAGE - kept * usable
        self.assertLessEqual(abs(row["stranded"] - expected), 2 * PAGE)
        self.assertGreaterEqual(resident["stranded"], row["stranded"])
        self.assertGreater(row["resident_free"], row["stranded"])
        text = live.ask(target.pid).stdout
        self.assertRegex(text, rf"are stranded on pages .*\n +size +free +stranded .*\n +{usable} +\S+ [KM]iB")
        self.finish(target)

    def test_the_block_that_pins_the_break(self):
        _, process, words, target = self.look(PROGRAMS / "scattered", 200000, 100, 1000, "last", options="source=sbrk")
        usable, pin = int(words[1]), int(words[4], 16)
        facts = process["break"]
        self.assertEqual(int(facts["pinned_by"], 16), pin)
        window = -(-int(facts["initial"], 16) // (2 * MIB)) * 2 * MIB
        live_below = process["walk"]["live_bytes"] - usable
        self.assertEqual(facts["stuck_bytes"], pin - window - live_below)
        self.assertGreater(facts["stuck_bytes"], 15 * MIB)
        self.finish(target)


if __name__ == "__main__":
    live.main()
