"""Generates the inputs of the benchmark's programs, always the same ones: make_inputs.py KIND DIRECTORY."""
import json
import os
import shutil
import subprocess
import sys


def numbers(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % (1 << 31)
        yield state >> 8


def make_json(directory):
    source = numbers(9)
    entries = [
        {
            "id": number,
            "name": "entry %d" % (next(source) % 5000),
            "tags": ["t%d" % (next(source) % 300) for _ in range(next(source) % 6)],
            "place": {"x": next(source) % 1000, "y": next(source) % 1000},
        }
        for number in range(32000)
    ]
    with open(os.path.join(directory, "entries.json"), "w", encoding="ascii") as file:
        json.dump(entries, file)


def make_xml(directory):
    source = numbers(10)
    with open(os.path.join(directory, "entries.xml"), "w", encoding="ascii") as file:
        file.write("<entries>\n")
        for number in range(180000):
            file.write('<entry id="%d" kind="k%d"><name>name %d</name><text>%s</text></entry>\n'
                       % (number, next(source) % 9, next(source) % 5000, "word " * (next(source) % 5)))
        file.write("</entries>\n")


def make_rules(directory):
    with open(os.path.join(directory, "Makefile"), "w", encoding="ascii") as file:
        file.write("FLAGS := -O2 -g\nNAMES := %s\n" % " ".join("file%d" % number for number in range(12000)))
        file.write("all: $(NAMES:%=out/%.o)\n")
        for number in range(12000):
            file.write("out/file%d.o: file%d.c header%d.h header%d.h\n\t@echo compile $< to $@ with $(FLAGS)\n"
                       % (number, number, number % 97, number % 31))
            file.write("file%d.c:\n\t@echo make $@\n" % number)
        for number in range(97):
            file.write("header%d.h:\n\t@echo header $@\n" % number)


def make_repository(directory):
    """A history of 1,200 commits over 60 files, written by git fast-import."""
    repository = os.path.join(directory, "history.git")
    shutil.rmtree(repository, ignore_errors=True)
    subprocess.run(["git", "init", "-q", "--bare", repository], check=True)
    source = numbers(11)
    files = {"src/part%d/file%d.txt" % (number % 6, number): ["line %d of %d" % (k, number) for k in range(160)]
             for number in range(60)}
    names = sorted(files)
    stream = []
    for commit in range(1200):
        stream.append("commit refs/heads/main\ncommitter Bench <bench@example.org> %d +0000\n" % (1600000000 + commit * 60))
        message = "Change number %d\n" % commit
        stream.append("data %d\n%s\n" % (len(message), message))
        for name in names if commit == 0 else {names[next(source) % len(names)] for _ in range(4)}:
            lines = files[name]
            for _ in range(6):
                lines[next(source) % len(lines)] = "changed %d in %d" % (next(source) % 100, commit)
            lines.insert(next(source) % len(lines), "new line of %d" % commit)
            text = "\n".join(lines) + "\n"
            stream.append("M 100644 inline %s\ndata %d\n%s\n" % (name, len(text), text))
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)
    subprocess.run(["git", "-C", repository, "symbolic-ref", "HEAD", "refs/heads/main"], check=True)


def make_source(directory):
    """The preprocessed text of a heavy C++ file, so that the compiler proper runs alone."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "heavy.cpp")
    subprocess.run(["g++", "-std=c++17", "-E", "-o", os.path.join(directory, "heavy.ii"), source], check=True)


KINDS = {"json": make_json, "xml": make_xml, "rules": make_rules, "repository": make_repository, "source": make_source}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit("usage: make_inputs.py %s DIRECTORY" % "|".join(KINDS))
    os.makedirs(sys.argv[2], exist_ok=True)
    KINDS[sys.argv[1]](sys.argv[2])


main()
