"""The programs of examples/ under `loam check`: exactly the findings that they are there for, at the line that makes each."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
LOAM = os.environ.get("LOAM_BIN") or str(ROOT / "build/bin/loam")
SOURCES = ROOT / "examples"
PROGRAMS = pathlib.Path(os.environ.get("LOAM_EXAMPLES") or ROOT / "build/bin/examples")
EXIT_FINDINGS = 99
# Program -> what it is found to do, and what the line says that does it.
EXPECTED = {
    "dangling_iterator": [("use-after-free", 'std::printf("first is')],
    "double_free": [("double-free", "free(request.name);")],
    "leak": [("leak", "struct seen* entry = malloc"), ("leak", "char** larger = malloc")],
    "leaked_array": [("leak", "int* squares = malloc")],
    "off_by_one": [("overflow", "free(copy);")],
    "own_break": [],
    "pool": [],
    "reference_count": [("use-after-free", 'printf("%d x %d')],
    "write_after_free": [("use-after-free", "observer->errors = 1;")],
}
LEAK = ("leak", "new Reply{topic")
OVERFLOW = ("overflow", "std::strcpy(session->label")
DANGLING = ("use-after-free", "host->guests += 1;")
DOUBLE = ("double-free", "std::free(body);")
BROKEN = {"ask what nobody knows": LEAK, "join ada\nlabel ada analyst": OVERFLOW,
          "join ada\ninvite ada grace": DANGLING, "post 50:hello": DOUBLE}
SOUND = "join ada\nlearn heap where blocks come from\nask heap\npost 5:hello\ninvite bob ada\nlabel bob x\nwhat?\n\nquit"


def environment():
    return {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "LOAM_OPTIONS")}


def check(*command, options=(), settings=None, text=""):
    """The report of `loam check`, and the finished process."""
    env = environment() | ({"LOAM_OPTIONS": settings} if settings else {})
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        done = subprocess.run([LOAM, "check", *options, "--format", "json", "--output", file.name, "--", *map(str, command)],
                              env=env, input=text, text=True, capture_output=True, timeout=60, check=False)
        return json.load(file), done


def culprit(finding):
    """The source line of the first stack's innermost frame that lies in the examples."""
    for frame in finding["stacks"][0]["frames"]:
        if frame["file"] and str(SOURCES) in os.path.realpath(frame["file"]):
            return pathlib.Path(frame["file"]).read_text().splitlines()[frame["line"] - 1].strip()
    return ""


def faults(report, expected):
    """What is wrong with a report, as a list of sentences."""
    found = [(finding["kind"], culprit(finding)) for finding in report["findings"]]
    if len(found) != len(expected):
        return [f"found {found}, not {expected}"]
    return [f"found {kind} at '{line}', not {wanted}" for (kind, line), wanted in zip(found, expected)
            if kind != wanted[0] or wanted[1] not in line]


class Textbook(unittest.TestCase):
    def test_all_are_expected(self):
        self.assertEqual({path.stem for path in (SOURCES / "check").glob("*.c*")}, set(EXPECTED))

    def test_findings(self):
        for name, expected in EXPECTED.items():
            with self.subTest(program=name):
                report, done = check(PROGRAMS / name)
                self.assertEqual(faults(report, expected), [])
                self.assertEqual(done.returncode, EXIT_FINDINGS if expected else 0)

    def test_break_is_shared(self):
        report, done = check(PROGRAMS / "own_break", settings="source=sbrk")
        self.assertEqual((faults(report, []), done.stdout), ([], "64 of 64 pairs kept apart\n"))
        done = subprocess.run([LOAM, "run", "--source", "sbrk", "--", str(PROGRAMS / "own_break")], env=environment(),
                              text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "64 of 64 pairs kept apart\n"))

    def test_built_as_their_heads_say(self):
        with tempfile.TemporaryDirectory() as folder:
            for source in [*sorted((SOURCES / "check").glob("*.c*")), SOURCES / "service/main.cpp"]:
                line, = re.findall(r"^(?://|  ) ?((?:gcc|g\+\+) -g .*?)(?: \*/)?$", source.read_text(), re.M)
                command = line.split()
                command[-1] = f"{folder}/{command[-1]}"
                subprocess.run(command, cwd=source.parent, check=True, capture_output=True)
            report, _ = check(f"{folder}/reference_count")
            self.assertEqual(faults(report, EXPECTED["reference_count"]), [])
            self.assertEqual(len(list(pathlib.Path(folder).iterdir())), len(EXPECTED) + 1)


class Service(unittest.TestCase):
    def test_each_request_has_its_defect(self):
        for requests, expected in BROKEN.items():
            with self.subTest(requests=requests):
                report, done = check(PROGRAMS / "service", text=requests + "\n")
                self.assertEqual(faults(report, [expected]), [])
                self.assertEqual(done.returncode, EXIT_FINDINGS)

    def test_other_requests_have_none(self):
        report, done = check(PROGRAMS / "service", text=SOUND)
        self.assertEqual((faults(report, []), done.returncode), ([], 0))
        self.assertEqual(len(done.stdout.splitlines()), len(SOUND.splitlines()) - 1)

    def test_the_demo_has_all(self):
        report, done = check(PROGRAMS / "service", "--demo", options=("--keep-going",))
        self.assertEqual(faults(report, [OVERFLOW, DANGLING, DOUBLE, LEAK]), [])
        self.assertEqual(done.stdout.splitlines()[-1], "the length does not fit")

    def test_the_text_is_readable(self):
        done = subprocess.run([LOAM, "check", "--keep-going", "--", str(PROGRAMS / "service"), "--demo"], env=environment(),
                              text=True, capture_output=True, timeout=60, check=False)
        self.assertIn("    at std::vector<Hub::Session>::push_back(Hub::Session&&) (stl_vector.h:", done.stderr)
        self.assertIn("    by Hub::answer(std::string const&) (hub.cpp:", done.stderr)
        for word in ("__cxx11", "std::allocator", "__new_allocator"):
            self.assertNotIn(word, done.stderr)

    def test_the_leak_grows_with_the_requests(self):
        blocks = []
        for count in (3, 30):
            report, _ = check(PROGRAMS / "service", text="ask what nobody knows\n" * count)
            blocks += [finding["blocks"] for finding in report["findings"]]
        self.assertEqual(blocks, [3, 30])


class TheJudge(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_it_rejects(self):
        report, _ = check(PROGRAMS / "double_free")
        self.assertEqual(faults(report, EXPECTED["double_free"]), [])
        for expected in ([], [("double-free", "no such line")], [("leak", "free(request.name);")],
                         EXPECTED["double_free"] * 2):
            self.assertNotEqual(faults(report, expected), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
