"""What the tests of exports share: a recording of shapes.c, what is true of it by its CSV, and readers of the formats."""
import collections
import csv
import functools
import gzip
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
import preload  # noqa: E402

LOAM = os.environ["LOAM_BIN"]
SHAPES = os.path.join(os.environ["LOAM_BUILD_DIR"], "bin/export/shapes")
ENVIRONMENT = preload.plain_environment()


def run(*words, status=0, **more):
    done = subprocess.run([*map(str, words)], env=ENVIRONMENT, text=True, capture_output=True, timeout=240, check=False, **more)
    if done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Sums:
    """Counted from the events one by one."""

    def __init__(self, events):
        live = {}
        now = 0
        self.calls = self.bytes = self.peak = self.frees = 0
        self.stacks = collections.Counter()
        for event in events:
            if event["event"] == "free":
                if event["address"] in live:
                    now -= live.pop(event["address"])
                    self.frees += 1
                continue
            size = int(event["size"])
            now += size - live.get(event["address"], 0)
            live[event["address"]] = size
            self.calls += 1
            self.bytes += size
            self.stacks[event["stack"]] += size
            self.peak = max(self.peak, now)
        self.left, self.left_blocks = now, len(live)


@functools.lru_cache(maxsize=None)
def recorded():
    """The recording that all classes of a test look at, in a folder that goes with it."""
    holder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(holder.cleanup)
    run(LOAM, "record", "--output", os.path.join(holder.name, "shapes.loam"), "--", SHAPES)
    return holder.name


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = recorded()
        cls.file = os.path.join(cls.folder, "shapes.loam")
        cls.truth = cls.sums(cls.file)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def export(cls, form, name, file=None, status=0):
        return run(LOAM, "export", "--format", form, "--output", cls.path(name), file or cls.file, status=status)

    @classmethod
    def sums(cls, file):
        cls.export("csv", "events.csv", file)
        with open(cls.path("events.csv"), newline="", encoding="utf-8") as text:
            return Sums(csv.DictReader(text))


def fields(data):
    """The fields of a protobuf message: number -> values, numbers or bytes."""
    found = collections.defaultdict(list)
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            if at + value > len(data):
                raise ValueError("a field is longer than its message")
            value, at = data[at:at + value], at + value
        elif key & 7 != 0:
            raise ValueError(f"wire type {key & 7}")
        found[key >> 3].append(value)
    return found


def packed(data):
    """The numbers of a packed field."""
    values, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    return values


class Pprof:
    """A decoded profile.proto: samples as (values, [location]), a location as (address, mapping, [(function, file, line)])."""

    def __init__(self, path):
        with gzip.open(path) as file:
            profile = fields(file.read())
        self.strings = [text.decode() for text in profile[6]]
        self.types = [tuple(self.strings[one[i][0]] for i in (1, 2)) for one in map(fields, profile[1])]
        self.mappings = {one[1][0]: one for one in map(fields, profile[3])}  # in the order of the file
        functions = {one[1][0]: one for one in map(fields, profile[5])}
        self.locations = {}
        for one in map(fields, profile[4]):
            lines = [fields(line) for line in one[4]]
            self.locations[one[1][0]] = (one[3][0] if one[3] else 0, one[2][0] if one[2] else 0,
                                         [(self.strings[functions[line[1][0]][2][0]],
                                           self.strings[(functions[line[1][0]][4] or [0])[0]],
                                           (line[2] or [0])[0]) for line in lines])
        self.samples = [(packed(one[2][0]), [self.locations[number] for number in packed(one[1][0])])
                        for one in map(fields, profile[2])]
        self.default = self.strings[profile[14][0]]
        self.comments = [self.strings[number] for number in profile[13]]
        self.duration = profile[10][0]

    def column(self, name):
        return [names for names, _ in self.types].index(name)

    def total(self, name, function=None):
        """Of the samples whose stack leads through the function."""
        return sum(values[self.column(name)] for values, stack in self.samples
                   if function is None or any(function == line[0] for place in stack for line in place[2]))


class Heaptrack:
    """The sums of a text that heaptrack_interpret might have written."""

    def __init__(self, text):
        kinds, live, now = [], collections.Counter(), 0
        self.calls = self.peak = self.traces = self.resident = 0
        self.strings = []
        for line in text.splitlines():
            mode, _, rest = line.partition(" ")
            words = rest.split(" ")
            if mode == "s":
                if int(words[0], 16) != len(rest.partition(" ")[2].encode()):
                    raise ValueError(line)
                self.strings.append(rest.partition(" ")[2])
            elif mode == "t":
                self.traces += 1
                if int(words[1], 16) >= self.traces:
                    raise ValueError(f"a trace before its parent: {line}")
            elif mode == "a":
                kinds.append(int(words[0], 16))
                if not 1 <= int(words[1], 16) <= self.traces:
                    raise ValueError(f"a kind before its trace: {line}")
            elif mode == "+":
                live[int(rest, 16)] += 1
                self.calls += 1
                now += kinds[int(rest, 16)]
                self.peak = max(self.peak, now)
            elif mode == "-":
                live[int(rest, 16)] -= 1
                now -= kinds[int(rest, 16)]
            elif mode == "R":
                self.resident = max(self.resident, int(rest, 16) * 4096)
        if min(live.values()) < 0:
            raise ValueError("a block was freed twice")
        self.left = now
