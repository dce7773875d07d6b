"""The documents: links lead somewhere, paths that they name exist, every option is documented, none is an orphan, the
README stays short."""

import os
import re
import unittest

import house

README_LINES = 150
OPTIONS_TABLE = "src/options/options.hpp"
OPTIONS_PAGE = "docs/cli.md"
STARTS = ("README.md", "docs/reading-path.md")


def documents():
    """path -> text of every document of the project."""
    at_root = [name for name in os.listdir(house.ROOT) if name.endswith(".md")]
    return {path: house.read(path) for path in at_root + house.files("docs", "bench", "test", suffixes=(".md",))}


def without_code(text):
    """A Markdown text without its fenced blocks, line numbers kept."""
    return re.sub(r"^```.*?^```", lambda match: "\n" * match.group(0).count("\n"), text, flags=re.S | re.M)


def anchors(text):
    """The anchors that a page's headings make, as the common renderers do it."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", without_code(text), re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def links(text):
    """(line number, target) of every link of a Markdown text that stays inside the project."""
    for number, line in enumerate(without_code(text).splitlines(), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if not re.match(r"[a-z]+:", target):
                yield number, target


def link_faults(pages, exists):
    """pages: path -> text; exists(path) tells whether a file is there."""
    faults = []
    for path, text in sorted(pages.items()):
        for number, target in links(text):
            file, _, anchor = target.partition("#")
            file = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not exists(file):
                faults.append(f"{path}:{number}: {target}: no such file")
            elif anchor and file in pages and anchor not in anchors(pages[file]):
                faults.append(f"{path}:{number}: {target}: no such heading")
    return faults


def path_faults(pages, exists):
    """Paths of the tree named in backquotes that do not exist."""
    faults = []
    for path, text in sorted(pages.items()):
        for number, line in enumerate(without_code(text).splitlines(), 1):
            for name in re.findall(r"`((?:src|include|test|bench|docs|scripts|cmake|examples|packaging)/[\w./-]*)`", line):
                if not exists(name.rstrip("/")):
                    faults.append(f"{path}:{number}: names {name}, which does not exist")
    return faults


def orphans(pages):
    """Pages below docs/ that cannot be reached by links from STARTS."""
    reached, todo = set(), [path for path in STARTS if path in pages]
    while todo:
        path = todo.pop()
        if path in reached:
            continue
        reached.add(path)
        for _, target in links(pages[path]):
            file = os.path.normpath(os.path.join(os.path.dirname(path), target.partition("#")[0]))
            if file in pages:
                todo.append(file)
    return sorted(path for path in pages if path.startswith("docs/") and path not in reached)


def options(table):
    """(name, default or None) of every row of the option table."""
    rows = re.findall(r'\{Key::k\w+,\s*"(\w+)",\s*Type::k\w+,\s*Audience::k\w+,\s*"[^"]*",\s*(nullptr|"[^"]*")', table)
    return [(name, None if default == "nullptr" else default.strip('"')) for name, default in rows]


def option_faults(rows, page):
    """Options that the page does not name, in backquotes, or without their default on a line that names them."""
    faults = []
    for name, default in rows:
        lines = [line for line in page.splitlines() if re.search(rf"`{name}(=[^`]*)?`", line)]
        if not lines:
            faults.append(f"{OPTIONS_PAGE} does not name the option {name}")
        elif default is not None and not any(f"`{default}`" in line for line in lines):
            faults.append(f"{OPTIONS_PAGE} does not say that the default of {name} is `{default}`")
    return faults


class TheTree(house.Check):
    def setUp(self):
        self.pages = documents()

    @staticmethod
    def exists(path):
        return os.path.exists(os.path.join(house.ROOT, path))

    def test_links(self):
        self.assertGreater(sum(1 for text in self.pages.values() for _ in links(text)), 5, "no links found")
        self.no_faults(link_faults(self.pages, self.exists))

    def test_paths(self):
        self.no_faults(path_faults(self.pages, self.exists))

    def test_orphans(self):
        self.no_faults(orphans(self.pages))

    def test_readme(self):
        self.assertLess(len(self.pages["README.md"].splitlines()), README_LINES)

    def test_options(self):
        table = house.read(OPTIONS_TABLE)
        rows = options(table)
        self.assertEqual(len(rows), len(re.findall(r"^\s*\{Key::", table, re.M)), "rows that this test cannot read")
        self.assertGreater(len(rows), 3)
        self.no_faults(option_faults(rows, house.read(OPTIONS_PAGE)))


class TheChecker(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_links(self):
        pages = {"README.md": "# A b, `c`\n[ok](docs/a.md#two-words) [self](#a-b-c) [out](https://x.example/y)\n"
                              "```\n[code](gone.md)\n```\n[bad](gone.md) [bad](docs/a.md#three)\n",
                 "docs/a.md": "## Two words\n[up](../README.md) [bad](README.md)"}
        self.assertEqual(len(link_faults(pages, lambda path: path in pages)), 3)

    def test_paths(self):
        pages = {"README.md": "`src/heap/` and `src/gone.cpp` and `src/heap.o and more`"}
        self.assertEqual(len(path_faults(pages, lambda path: path == "src/heap")), 1)

    def test_orphans(self):
        pages = {"README.md": "[a](docs/a.md)", "docs/a.md": "[b](b.md#x)", "docs/b.md": "", "docs/lost.md": "[a](a.md)"}
        self.assertEqual(orphans(pages), ["docs/lost.md"])

    def test_options(self):
        table = '{Key::kA, "one", Type::kPath, Audience::kUser, "X", "5", 0, 1,\n "S"},\n' \
                '{Key::kB, "two", Type::kPath, Audience::kUser,\n "X", nullptr, 0, 0, "S"},'
        rows = options(table)
        self.assertEqual(rows, [("one", "5"), ("two", None)])
        self.assertEqual(option_faults(rows, "| `one` | `5` |\n| `two=X` | |"), [])
        self.assertEqual(len(option_faults(rows, "| `one` | `6` |\n| two |")), 2)


if __name__ == "__main__":
    unittest.main()
