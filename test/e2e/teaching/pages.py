"""Runs the commands of a page of the documents and compares what they print with what the page says that they print.

A fenced block with lines that begin with `$ ` is run, command after command, in one folder that has the programs of examples/; what
follows a command, up to the next one, is its output, standard error included. The rule of comparison stands in docs/concepts.md.

Usage: pages.py PAGE...    writes what is printed now, and the pictures that are drawn now, into the pages"""

import difflib
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("LOAM_BUILD_DIR") or ROOT / "build")
PROGRAMS = ("bin/examples", "bin/library")
LEFT_OUT = "..."
MASKS = (
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"\b(process|thread) \d+"), r"\1 NUMBER"),
    (re.compile(r"(?<![\w.])[\d.,]+ (ns|us|ms|s)\b"), "TIME"),
    (re.compile(r"(?<![\w.])\d+\.\d+(?= |$)(?! ?(%|[KMGT]iB|x ))"), "FRACTION"),
    (re.compile(r" +"), " "),
)


def masked(line):
    """A line without what differs from run to run."""
    if line.strip().startswith("crossing: "):
        line = re.sub(r"\d[\d.,]*\b", "0", line)
    for pattern, word in MASKS:
        line = pattern.sub(word, line)
    return line.strip()


def commands(text):
    """[(command, [line of output])] of a page's blocks, in order."""
    found = []
    for block in re.findall(r"^```\n(.*?)^```$", text, re.S | re.M):
        if not block.startswith("$ "):
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def pictures(text):
    """The pictures beside a page that it shows."""
    return re.findall(r"!\[[^]]*\]\(([\w.-]+\.svg)\)", text)


def fits(shown, printed):
    """Are the lines of a page those that were printed? A line of dots stands for any number of them."""
    at, anywhere = 0, False
    parts, part = [], []
    for line in [*shown, None]:
        if line is None or line.strip() == LEFT_OUT:
            parts.append(part)
            part = []
        else:
            part.append(masked(line))
    lines = [masked(line) for line in printed]
    for number, part in enumerate(parts):
        if number == len(parts) - 1 and anywhere:
            return len(part) <= len(lines) - at and lines[len(lines) - len(part):] == part
        places = range(at, len(lines) - len(part) + 1) if anywhere else [at]
        at = next((place + len(part) for place in places if lines[place:place + len(part)] == part), None)
        if at is None:
            return False
        anywhere = True
    return at == len(lines)


def prepare(folder):
    """Links to all programs of examples/ in a folder, where the commands find them as ./NAME."""
    for place in PROGRAMS:
        for program in (BUILD / place).iterdir():
            if program.is_file():
                (pathlib.Path(folder) / program.name).symlink_to(program)


def run(command, folder):
    """What a command prints, as lines. Without core files: the shell would tell of them."""
    plain = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "LOAM_OPTIONS", "NO_COLOR")}
    plain["PATH"] = f"{BUILD / 'bin'}:{plain['PATH']}"
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=plain, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
    return done.stdout.splitlines()


def faults(text, folder):
    """What a page says wrongly, as a list of reports."""
    wrong = []
    for command, shown in commands(text):
        printed = run(command, folder)
        if not fits(shown, printed):
            wrong.append("\n".join([f"$ {command}", "the page says:", *shown, "it printed:", *printed, ""]))
    return wrong


def nearest(part, lines, start):
    """Where from `start` on the lines are most like those of a part."""
    def likeness(place):
        return sum(difflib.SequenceMatcher(None, masked(old), masked(new)).ratio()
                   for old, new in zip(part, lines[place:place + len(part)]))
    return max(range(start, max(start, len(lines) - len(part)) + 1), key=lambda place: (likeness(place), -place))


def renewed(shown, printed):
    """The lines of a page with what is printed now, leaving out what was left out."""
    text = "\n".join(shown)
    parts = [part.splitlines() for part in re.split(r"^ *\.\.\.$\n?", text, flags=re.M)]
    if len(parts) == 1:
        return printed
    out, at = printed[:len(parts[0])], len(parts[0])
    for number, part in enumerate(parts[1:], 1):
        last = number == len(parts) - 1
        at = max(at, len(printed) - len(part)) if last else nearest(part, printed, at)
        out += [LEFT_OUT, *printed[at:at + len(part)]]
        at += len(part)
    return out


def renew(path):
    """Writes a page, and the pictures beside it, anew."""
    text = path.read_text()
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        for command, shown in commands(text):
            before = "\n".join([f"$ {command}", *shown])
            text = text.replace(before, "\n".join([f"$ {command}", *renewed(shown, run(command, folder))]), 1)
        for picture in pictures(text):
            shutil.copyfile(pathlib.Path(folder) / picture, path.parent / picture)
    path.write_text(text)


if __name__ == "__main__":
    for page in sys.argv[1:]:
        renew(pathlib.Path(page))
