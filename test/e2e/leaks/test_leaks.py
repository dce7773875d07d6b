"""`loam leaks PID` and `loam run --leaks`: what is lost is found, what is not is not, and the program does not notice."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))
import live  # noqa: E402
from live import LOAM  # noqa: E402
import preload  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("LOAM_LEAKS_PROGRAMS") or preload.ROOT / "build/bin/leaks")
PYTHON = "/usr/bin/python3"
# The size class of the blocks of places.c.
PLACE_BYTES = 4096
HELD = ("global", "initialised", "mapping", "shared", "read-only", "block", "tagged", "interior", "other-stack", "coroutine",
        "heap-coroutine", "stack", "tls", "key", "register")
LOST = ("nowhere", "below-stack", "idle-other-stack", "ended-tls", "ended-stack")


def leaks(pid, *arguments, **more):
    return subprocess.run([LOAM, "leaks", str(pid), *arguments], env=preload.plain_environment(), text=True,
                          capture_output=True, timeout=120, check=False, **more)


def outer_pid(parent, name):
    """The child of `parent` (or its child) that runs the executable `name`."""
    for _ in range(200):
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                status = (entry / "status").read_text()
                executable = os.readlink(entry / "exe")
            except OSError:
                continue
            ancestors = [int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:")]
            if parent in ancestors and executable.endswith(name):
                return int(entry.name)
        time.sleep(0.02)
    raise AssertionError(f"no {name} below {parent}")


class Case(live.Case):
    def look(self, pid, *arguments, status=None):
        done = leaks(pid, "--format", "json", *arguments)
        self.assertIn(done.returncode, (0, 99) if status is None else (status,), done.stderr)
        return json.loads(done.stdout)

    def groups(self, report, block_bytes):
        return [group for group in report["groups"] if group["block_bytes"] == block_bytes]


class Places(Case):
    def test_held(self):
        for place in HELD:
            with self.subTest(place=place):
                target, _ = self.start(PROGRAMS / "places", place)
                self.assertEqual(self.groups(self.look(target.pid), PLACE_BYTES), [])
                self.finish(target)

    def test_lost(self):
        for place in LOST:
            with self.subTest(place=place):
                target, _ = self.start(PROGRAMS / "places", place)
                found = self.groups(self.look(target.pid, status=99), PLACE_BYTES)
                self.assertEqual([(group["class"], group["blocks"]) for group in found], [("definite", 1)])
                self.assertEqual(found[0]["resident_bytes"], PLACE_BYTES)
                self.assertEqual(found[0]["examples"][0]["words"][0], "0x0101010101010101")
                self.finish(target)


class Server(Case):
    def serve(self, *arguments, **more):
        return self.start(PROGRAMS / "server", *arguments, **more)

    def wait_for_answers(self, target, least):
        """By the figures that the server prints ten times a second."""
        answers = 0
        while answers < least:
            answers += int(target.stdout.readline().split()[1]) // 10

    def lost_last(self, report, loops):
        """What a loop has lost last may still stand in a register of it that nobody reads again, while it waits: a block of
        lose_one() and what hangs on it, at most one of each a loop, and never a request, which is in use."""
        others = [group for group in report["groups"] if group["class"] != "definite"]
        self.assertLessEqual({(group["class"], group["block_bytes"]) for group in others}, {("dead-slot", 208), ("dead-slot", 80)},
                             others)
        for size in (208, 80):
            self.assertLessEqual(sum(group["blocks"] for group in others if group["block_bytes"] == size), loops, others)

    def test_three_looks_name_what_grows(self):
        target, _ = self.serve("4", "4", "20", "600", "20")
        before = live.count(target.pid, "fd")
        done = leaks(target.pid, "--every", "1", "--looks", "3", "--format", "json")
        self.assertEqual(done.returncode, 99, done.stderr)
        looks, at = [], 0
        while at < len(done.stdout.rstrip()):
            report, end = json.JSONDecoder().raw_decode(done.stdout[at:])
            looks.append(report)
            at += end + 1
        self.assertEqual(len(looks), 3)
        # Their keys are numbers of all kinds, some of which look like text or addresses: these make groups of their own.
        growing = [group for group in looks[2]["groups"] if group["growing"] and group["class"] == "definite"]
        self.assertEqual({group["block_bytes"] for group in growing}, {208})
        for look in looks:
            self.lost_last(look, loops=4)
        blocks = [sum(group["blocks"] for group in look["groups"] if group["block_bytes"] == 208) for look in looks]
        # Each has a block that hangs on it, or stands in a register beside it.
        hanging = sum(group["indirect_blocks"] for group in looks[2]["groups"])
        beside = sum(group["blocks"] for group in looks[2]["groups"] if group["block_bytes"] == 80)
        self.assertEqual(hanging + beside, blocks[2])
        self.assertGreater(blocks[2], blocks[0])
        self.assertEqual(live.count(target.pid, "fd"), before)
        last = self.finish(target, "").splitlines()[-1].split()
        self.assertEqual(last[2:4], ["wrong", "0"])

    def test_two_hundred_threads(self):
        target, _ = self.serve("40", "160", "10", "600", "50")
        # Who gets no processor for 0.4 s is silent: on a busy machine it is looked again.
        for _ in range(10):
            report = self.look(target.pid)
            figures = report["figures"]
            if figures["threads_silent"] == 0:
                break
        self.assertEqual(figures["threads_stopped"] + figures["threads_waiting"], 201)
        self.assertEqual(figures["threads_silent"], 0)
        definite = [group for group in report["groups"] if group["class"] == "definite"]
        self.assertTrue(definite and all(group["block_bytes"] == 208 for group in definite), report["groups"])
        self.lost_last(report, loops=40)
        last = self.finish(target, "").splitlines()[-1].split()
        self.assertEqual(last[2:4], ["wrong", "0"])

    def test_since_last(self):
        target, _ = self.serve("1", "1", "1", "600", "10")
        runtime = self.enterContext(tempfile.TemporaryDirectory())
        environment = {**preload.plain_environment(), "XDG_RUNTIME_DIR": runtime}
        counts = []
        for _ in range(2):
            self.wait_for_answers(target, 1000)
            done = subprocess.run([LOAM, "leaks", str(target.pid), "--since-last", "--format", "json"], env=environment,
                                  text=True, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 99, done.stderr)
            counts.append(json.loads(done.stdout)["groups"][0])
        self.assertEqual(counts[1]["blocks_before"], counts[0]["blocks"])
        self.finish(target, "")


class Chain(Case):
    """By which pointers a block is held."""

    def hold(self, length, options=""):
        target, words = self.start(PROGRAMS / "chain", str(length), options=options)
        last, table, variable, lost = (int(word, 16) for word in words[1:5])
        return target, last, table, variable, lost ^ (2 ** 64 - 1)

    def test_from_an_address_to_the_root(self):
        target, last, table, variable, _ = self.hold(3)
        report = self.look(target.pid, "--chain", hex(last + 5), status=0)
        links = report["links"]
        self.assertEqual((report["state"], report["left_out"], len(links)), ("held", 0, 4))
        self.assertEqual((links[0]["address"], links[0]["offset"]), (hex(last), 5))
        self.assertEqual([link["offset"] for link in links[1:3]], [0, 0])
        self.assertEqual((links[3]["address"], links[3]["offset"]), (hex(table), 7 * 8))
        self.assertEqual(report["root"]["address"], hex(variable))
        self.assertIn("chain", report["root"]["place"])
        self.finish(target)

    def test_text(self):
        target, last, table, variable, lost = self.hold(100)
        done = leaks(target.pid, "--chain", hex(last))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], f"process {target.pid}: {last:#x} is held")
        self.assertRegex(lines[1], rf"^  {last:#x} \(\d+ bytes\)$")
        self.assertIn("  <- 85 blocks between", lines)
        self.assertRegex(lines[-2], rf"^  <- {table:#x} \(\d+ bytes\), at byte 56$")
        self.assertRegex(lines[-1], rf"^  <- {variable:#x} in data of chain")
        done = leaks(target.pid, "--chain", hex(lost))
        self.assertEqual((done.returncode, done.stdout), (99, f"process {target.pid}: nothing holds {lost:#x}: it is lost\n"))
        done = leaks(target.pid, "--chain", hex(variable))
        self.assertEqual((done.returncode, done.stdout), (1, f"process {target.pid}: no block in use at {variable:#x}\n"))
        self.finish(target)

    def test_a_long_list(self):
        target, last, _, variable, _ = self.hold(200000)
        report = self.look(target.pid, "--chain", hex(last), status=0)
        self.assertEqual((len(report["links"]), report["left_out"]), (1000, 199001))
        self.assertEqual(report["root"]["address"], hex(variable))
        self.finish(target)

    def test_of_a_function(self):
        target, _, _, variable, _ = self.hold(3, options="stacks=1")
        report = self.look(target.pid, "--chain", "make_element", status=0)
        self.assertEqual((report["state"], report["root"]["address"]), ("held", hex(variable)))
        done = leaks(target.pid, "--chain", "nobody")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no reachable block is known to come from 'nobody'", done.stderr)
        self.finish(target)


class Sites(Case):
    """Who allocated what: of a sample, and of every block."""

    def functions(self, stack):
        return [frame["function"] for frame in stack["frames"]]

    def group_of(self, report, least):
        """The lost blocks of the smallest class from `least` bytes on, whatever they begin with."""
        size = min(group["block_bytes"] for group in report["groups"] if group["block_bytes"] >= least)
        return [group for group in report["groups"] if group["block_bytes"] == size]

    def check_origins(self, report, least, function):
        groups = self.group_of(report, least)
        stacks = [stack for group in groups for stack in group["stacks"]]
        self.assertGreater(len(stacks), 0)
        for stack in stacks:
            self.assertEqual(self.functions(stack)[0], function)
            self.assertIn("main", self.functions(stack))
            self.assertTrue(stack["complete"])
        return sum(group["blocks"] for group in groups), sum(stack["blocks"] for stack in stacks)

    def test_a_sample_names_the_place(self):
        target, _ = self.start(PROGRAMS / "sites")
        report = self.look(target.pid, status=99)
        self.assertEqual(report["stacks_of"], "a sample")
        # 20,000 blocks of 400 bytes are 16 mean distances, the 4,000 that have grown to 2,000 as many.
        for least, function, blocks in ((400, "lose_here", 20_000), (2000, "lose_grown_here", 4000)):
            lost, named = self.check_origins(report, least, function)
            self.assertAlmostEqual(lost, blocks, delta=100)
            self.assertLess(named, 100)
        self.finish(target, "free\n")

    def test_every_block_has_its_stack(self):
        target, _ = self.start(PROGRAMS / "sites", options="stacks=1")
        report = self.look(target.pid, status=99)
        self.assertEqual(report["stacks_of"], "every block")
        for least, function in ((400, "lose_here"), (2000, "lose_grown_here")):
            groups = self.group_of(report, least)
            self.assertEqual(len(groups), 1)
            lost, named = self.check_origins(report, least, function)
            self.assertEqual(lost, named)
        source = (pathlib.Path(__file__).parent / "sites.c").read_text().splitlines()
        line = next(number for number, text in enumerate(source, 1) if "// LOST" in text)
        frame = self.group_of(report, 400)[0]["stacks"][0]["frames"][0]
        self.assertEqual((pathlib.Path(frame["file"]).name, frame["line"]), ("sites.c", line))
        self.finish(target, "")

    def test_three_looks_name_the_place_that_grows(self):
        for options in ("stacks=1", "sample_bytes=65536"):
            with self.subTest(options=options):
                target, _ = self.start(PROGRAMS / "sites", options=options)
                runtime = self.enterContext(tempfile.TemporaryDirectory())
                environment = {**preload.plain_environment(), "XDG_RUNTIME_DIR": runtime}
                for _ in range(3):
                    done = subprocess.run([LOAM, "leaks", str(target.pid), "--since-last", "--format", "json"],
                                          env=environment, text=True, capture_output=True, timeout=60, check=False)
                    self.assertEqual(done.returncode, 99, done.stderr)
                    target.stdin.write("more\n")
                    target.stdin.flush()
                    self.assertEqual(target.stdout.readline(), "done\n")
                growing = json.loads(done.stdout)["growing_sites"]
                self.assertEqual({self.functions(site)[0] for site in growing}, {"keep_here"})
                self.finish(target, "free\n")

    def test_nothing_is_remembered_unless_wished(self):
        target, _ = self.start(PROGRAMS / "sites", options="sample_bytes=0")
        report = self.look(target.pid, status=99)
        self.assertEqual(report["stacks_of"], "none")
        self.assertTrue(all(group["stacks"] == [] for group in report["groups"]))
        self.finish(target, "")


class Wishes(Case):
    """What is asked for on the command line."""

    def suppressed(self, target, text, *arguments):
        with tempfile.NamedTemporaryFile("w", suffix=".supp") as file:
            file.write(text)
            file.flush()
            return leaks(target.pid, "--suppressions", file.name, *arguments)

    def test_suppressions(self):
        target, _ = self.start(PROGRAMS / "sites", options="stacks=1")
        before = self.look(target.pid, status=99)
        done = self.suppressed(target, "leak:lose_here\n", "--format", "json")
        left = json.loads(done.stdout)
        self.assertEqual((done.returncode, left["suppressed"]), (99, 1))
        self.assertEqual(len(left["groups"]), len(before["groups"]) - 1)
        self.assertNotIn("lose_here", [frame["function"] for group in left["groups"] for stack in group["stacks"]
                                       for frame in stack["frames"]])
        done = self.suppressed(target, "{\n all of it\n Memcheck:Leak\n fun:malloc\n ...\n fun:main\n}\nleak:lose*\n")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(" suppressed\n", done.stdout)
        self.assertEqual(self.suppressed(target, "nonsense\n").returncode, 2)
        self.finish(target, "")

    def test_what_no_stack_is_known_of_is_not_suppressed(self):
        target, _ = self.start(PROGRAMS / "sites", options="sample_bytes=0")
        self.assertEqual(self.suppressed(target, "leak:*\n*:*\n").returncode, 99)
        self.finish(target, "")

    def test_exit_code(self):
        target, _ = self.start(PROGRAMS / "places", "nowhere")
        self.assertEqual([leaks(target.pid, "--exit-code", code).returncode for code in ("0", "7")], [0, 7])
        self.assertEqual(leaks(target.pid, "--exit-code", "256").returncode, 2)
        self.finish(target)

    def test_output_goes_to_the_file_alone(self):
        target, _ = self.start(PROGRAMS / "places", "nowhere")
        with tempfile.NamedTemporaryFile("r") as file:
            done = leaks(target.pid, "--format", "json", "--output", file.name)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (99, "", ""))
            self.assertEqual(json.load(file)["schema"], "loam-leaks/1")
        self.finish(target)

    def test_what_is_seen_of_a_block_without_a_stack(self):
        target, _ = self.start(PROGRAMS / "places", "nowhere", options="sample_bytes=0")
        address = self.groups(self.look(target.pid), PLACE_BYTES)[0]["examples"][0]
        text = leaks(target.pid).stdout
        self.assertIn(f"    {address['address']}, span {address['span']}  01 01 01 01 01 01 01 01  01 01", text)
        self.finish(target)

    def test_age(self):
        target, _ = self.start(PROGRAMS / "places", "nowhere")
        runtime = self.enterContext(tempfile.TemporaryDirectory())
        environment = {**preload.plain_environment(), "XDG_RUNTIME_DIR": runtime}
        texts = [subprocess.run([LOAM, "leaks", str(target.pid), *arguments], env=environment, text=True, timeout=60,
                                capture_output=True, check=False).stdout
                 for arguments in (["--since-last"], ["--every", "0.2", "--looks", "2"], ["--since-last", "--format", "json"])]
        self.assertNotIn("older than", texts[0])
        self.assertRegex(texts[1], r"all of these older than [\d.]+ m?s")
        self.assertGreater(json.loads(texts[2])["seconds_since_last"], 0.2)
        self.finish(target)


class Owners(Case):
    def test_chain_of_lost_blocks(self):
        target, _ = self.start(PROGRAMS / "list")
        report = self.look(target.pid, status=99)
        group, = [group for group in report["groups"] if group["indirect_blocks"] == 3]
        self.assertEqual([link["bytes"] for link in group["hanging"]], [304, 64, 64, 64])
        self.assertEqual(group["hanging"][-1]["address"], group["examples"][0]["address"])
        addresses = [link["address"] for link in group["hanging"]]
        self.assertIn(f"{addresses[0]} (304 bytes, \"the body of the last one\") <- {addresses[1]} (64 bytes) <- ",
                      leaks(target.pid).stdout)
        self.finish(target)


class Surroundings(Case):
    def test_nothing_is_left(self):
        target, _ = self.start(PROGRAMS / "places", "nowhere")
        before = live.seen_from_outside(target.pid)
        for _ in range(5):
            self.look(target.pid, status=99)
        self.wait_until_alone(target.pid, before)
        self.assertEqual(subprocess.run(["ps", "-o", "pid=", "--ppid", str(target.pid)], text=True, check=False,
                                        capture_output=True).stdout, "")
        self.finish(target)

    def test_without_ptrace(self):
        for command in ([PROGRAMS / "deny", "ptrace"],
                        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]):
            with self.subTest(command=command[0]):
                target, _ = self.start(*command, PROGRAMS / "places", "nowhere")
                self.assertEqual(len(self.groups(self.look(target.pid, status=99), PLACE_BYTES)), 1)
                self.finish(target)

    def test_a_refused_copy_is_told(self):
        target, _ = self.start(PROGRAMS / "deny", "copy", PROGRAMS / "places", "nowhere")
        done = leaks(target.pid)
        self.assertEqual(done.returncode, 1)
        self.assertIn("it cannot be copied: Operation not permitted", done.stderr)
        self.finish(target)

    def test_as_first_process_of_a_namespace(self):
        for proc in ((), ("--mount-proc",)):
            with self.subTest(proc=proc):
                command = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "--pid", "--fork", *proc]
                target, _ = self.start(*command, PROGRAMS / "places", "nowhere")
                pid = outer_pid(target.pid, "places")
                self.assertEqual(len(self.groups(self.look(pid, status=99), PLACE_BYTES)), 1)
                self.finish(target)

    def test_threads_that_block_signals(self):
        target, _ = self.start(PROGRAMS / "deaf")
        report = self.look(target.pid, status=99)
        self.assertEqual(report["figures"]["threads_silent"], 1)
        self.assertRegex(report["silent_threads"][0], r"^\d+ \(runs\)$")
        self.assertEqual([group["class"] for group in self.groups(report, 3072)], ["definite"])
        self.assertEqual(self.groups(report, 7168), [], "held by the thread that waits")
        self.finish(target)

    def test_while_it_forks_and_executes(self):
        script = ("import subprocess, sys; print('ready', flush=True)\n"
                  "for i in range(150): assert subprocess.run(['/bin/true']).returncode == 0\n"
                  "print('well', flush=True); input()")
        target, _ = self.start(PYTHON, "-c", script)
        for _ in range(10):
            done = leaks(target.pid)
            self.assertIn(done.returncode, (0, 99), done.stderr)
        self.assertEqual(self.finish(target), "well")

    def test_with_other_questions(self):
        target, _ = self.start(PROGRAMS / "places", "nowhere")
        asked = [subprocess.Popen([LOAM, *words], env=preload.plain_environment(), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
                 for words in [("leaks", str(target.pid)), ("stats", str(target.pid))] * 3]
        for process in asked:
            out, errors = process.communicate(timeout=60)
            self.assertTrue(process.returncode in (0, 99) or "being answered" in errors, (out, errors))
        self.finish(target)


class AtExit(Case):
    def run_with(self, *arguments):
        return subprocess.run([LOAM, "run", *arguments], env=preload.plain_environment(), text=True, input="",
                              capture_output=True, timeout=60, check=False)

    def test_lost_at_exit(self):
        done = self.run_with("--leaks", "--format", "json", "--", str(PROGRAMS / "deaf"))
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stderr)
        self.assertEqual([[group["block_bytes"], group["blocks"]] for group in report[0]["groups"]], [[3072, 100]])

    def test_children_too(self):
        script = f"import subprocess, sys; subprocess.run([{str(PROGRAMS / 'places')!r}, 'nowhere']); sys.exit(7)"
        done = self.run_with("--leaks", "--", PYTHON, "-c", script)
        self.assertEqual(done.returncode, 7)
        self.assertIn("1 block of 4096 bytes", done.stderr)
        self.assertNotIn("304 bytes", done.stderr, "the C library's books about threads that have ended")
        self.assertIn("ended with nothing lost", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
