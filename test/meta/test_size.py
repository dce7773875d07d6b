"""Length of files and functions, how headers open, and words that have no place in a finished tree."""

import ast
import json
import os
import re
import subprocess
import tempfile
import unittest

import house

FILE_LINES = 700
FUNCTION_LINES = 60
FOLDERS = ("src", "include", "test", "bench", "examples", "scripts")


def long_files(sources):
    """path -> text: those over the limit."""
    counts = {path: text.count("\n") + (not text.endswith("\n")) for path, text in sources.items()}
    return [f"{path}: {count} lines" for path, count in sorted(counts.items()) if count > FILE_LINES]


def cxx_functions(paths, root=house.ROOT):
    """(path, name, first line, last line) of every function body that ctags finds in the C and C++ files given."""
    found = []
    if not paths:
        return found
    result = subprocess.run(
        ["ctags", "--quiet", "--output-format=json", "--fields=+ne", "--kinds-C++=f", "--kinds-C=f",
         "--langmap=C++:+.hpp.h", "-f", "-", "-L", "-"],
        input="\n".join(paths), cwd=root, capture_output=True, text=True, check=True)
    for line in result.stdout.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            found.append((tag["path"], tag["name"], tag["line"], tag["end"]))
    return found


def python_functions(sources):
    """The same for Python."""
    for path, text in sorted(sources.items()):
        for node in ast.walk(ast.parse(text, path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node.name, node.lineno, node.end_lineno


def long_functions(functions):
    return [f"{path}:{first}: {name} has {last - first + 1} lines" for path, name, first, last in functions
            if last - first + 1 > FUNCTION_LINES]


def header_faults(sources):
    """Headers that do not open with a comment, or are not guarded by #pragma once (C headers: by a macro)."""
    faults = []
    for path, text in sorted(sources.items()):
        if not re.match(r"\s*(//|/\*)", text):
            faults.append(f"{path}: does not open with a comment that says what it owns")
        if not re.search(r"^#pragma once$", text, re.M) and not re.search(r"^#ifndef (\w+)\n#define \1$", text, re.M):
            faults.append(f"{path}: no include guard")
    return faults


def leftovers(sources):
    """Marks of unfinished work, and folders of somebody's own machine."""
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|(?<![\w.$}/-])/(work|home|root|Users)/\w")
    return [f"{path}:{number}: {line.strip()}" for path, text in sorted(sources.items())
            for number, line in enumerate(text.splitlines(), 1) if marks.search(line)]


class TheTree(house.Check):
    def setUp(self):
        self.cxx = {path: house.read(path) for path in house.files(*FOLDERS)}
        self.python = {path: house.read(path) for path in house.files(*FOLDERS, suffixes=(".py",))}
        self.assertGreater(len(self.cxx), 5, "no sources found")

    def test_files(self):
        self.no_faults(long_files({**self.cxx, **self.python}))

    def test_functions(self):
        functions = cxx_functions(sorted(self.cxx))
        self.assertGreater(len(functions), 20, "ctags found next to nothing")
        self.no_faults(long_functions(functions))
        self.no_faults(long_functions(python_functions(self.python)))

    def test_headers(self):
        self.no_faults(header_faults({p: t for p, t in self.cxx.items() if p.endswith((".hpp", ".h"))}))

    def test_leftovers(self):
        texts = {path: house.read(path) for path in house.files("docs", "packaging", "cmake", suffixes=(".md", ".cmake", ".in"))}
        self.no_faults(leftovers({**self.cxx, **self.python, **texts}))


class TheChecker(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_file(self):
        self.assertEqual(len(long_files({"a": "x\n" * 701, "b": "x\n" * 700, "c": "x\n" * 700 + "x"})), 2)

    def test_cxx_function(self):
        body = "  x += 1;\n"
        text = (
            "#pragma once\nnamespace a {\nint fits(int x) {\n" + body * 58 + "}\n"
            "template <typename T>\nauto too_long(T x) -> int {\n" + body * 60 + "}\n"
            "struct S {\n  int member(int x) const noexcept {\n" + body * 60 + "  }\n  S& operator=(const S& s);\n};\n"
            "S& S::operator=(const S& x) {\n" + body * 60 + "}\n}\n")
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sample.hpp"), "w", encoding="utf-8") as stream:
                stream.write(text)
            found = long_functions(cxx_functions(["sample.hpp"], root=folder))
        self.assertEqual(len(found), 3, found)

    def test_python_function(self):
        text = "def f():\n" + "  x = 1\n" * 60
        self.assertEqual(len(long_functions(python_functions({"a.py": text}))), 1)

    def test_header(self):
        good = "// Owns a.\n#pragma once\n"
        c_header = "/* Owns a. */\n#ifndef A_H\n#define A_H\n#endif\n"
        bad = {"a.hpp": good, "b.h": c_header, "c.hpp": "#pragma once\n// Owns c.\n", "d.hpp": "// Owns d.\n"}
        self.assertEqual(len(header_faults(bad)), 2)

    def test_leftovers(self):
        bad = "// TO" "DO later\nopen(\"/ho" "me/me/x\")\nbuild/work/x ${D}/home/x /proc/self\n"
        self.assertEqual(len(leftovers({"a.cpp": bad})), 2)


if __name__ == "__main__":
    unittest.main()
