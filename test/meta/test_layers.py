"""The floors: every #include of src/ and include/ against the table in docs/architecture.md, cycles between files,
#if on the platform outside src/sys/, and libraries that are dear to include."""

import re
import unittest

import house

TABLE = "docs/architecture.md"
PUBLIC = "include/loam"
# Of the folders that run in the observed process, those that the tool may share.
SHARED_WITH_TOOL = {"base", "sys", "format", "options", "policy", PUBLIC}
# Headers that take seconds to compile, and the files that may include them: everybody else goes through these.
DOORS = {
    "nlohmann/": {"src/tool/model/json_value.cpp"},
    "CLI/": {"src/tool/main.cpp", "src/tool/commands/arguments.cpp", "src/tool/commands/generate.cpp",
             "src/tool/render/generate.hpp"},
}
PLATFORM = re.compile(
    r"\b(__x86_64__|__amd64__|__i386__|__aarch64__|__arm__|__riscv\w*|__powerpc\w*|__s390\w*|__linux__|__linux|linux"
    r"|__unix__|__APPLE__|__FreeBSD__|__NetBSD__|__OpenBSD__|__ANDROID__|_WIN32|_WIN64|__MINGW\w*|__GLIBC\w*|__MUSL__"
    r"|__BYTE_ORDER__|__SSE\w*|__AVX\w*|__BMI\w*)\b")


def rows(document):
    """folder -> (floor, set of folders it may include), from the rows of the table."""
    table = {}
    for line in document.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 4 or not cells[0].isdigit():
            continue
        folder = cells[1].strip("`").rstrip("/").removeprefix("src/")
        allowed = {name.strip() for name in cells[2].split(",") if name.strip()}
        if folder in table:
            raise ValueError(f"two rows for {folder}")
        table[folder] = (int(cells[0]), allowed)
    return table


def table_faults(table):
    """Rows that could not be kept whatever the sources say."""
    faults = []
    for folder, (floor, allowed) in sorted(table.items()):
        for other in sorted(allowed):
            if other not in table:
                faults.append(f"the row of {folder} names {other}, which has no row")
            elif table[other][0] >= floor:
                faults.append(f"the row of {folder} (floor {floor}) allows {other} (floor {table[other][0]})")
            in_tool = folder.split("/")[0] == "tool"
            if in_tool and other.split("/")[0] != "tool" and other not in SHARED_WITH_TOOL:
                faults.append(f"the row of {folder} allows {other}, which runs in the observed process only")
            if not in_tool and other.split("/")[0] == "tool":
                faults.append(f"the row of {folder} allows a part of the tool, {other}")
    return faults


def folder_of(path, table):
    """The folder of the table that a path such as heap/span.hpp belongs to: the longest that is a prefix; or None."""
    parts = path.split("/")[:-1]
    while parts:
        if "/".join(parts) in table:
            return "/".join(parts)
        parts.pop()
    return None


def includes(text):
    """(line number, path as in the include, quoted?) of every #include of ours."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include(?:_next)?\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            yield number, match.group(1) or match.group(2), match.group(1) is not None


def layer_faults(table, sources):
    """What the includes of the sources (path -> text, as house.files gives them) break."""
    faults = []
    for path, text in sorted(sources.items()):
        inside = path.removeprefix("src/")
        folder = folder_of(inside, table)
        if folder is None:
            faults.append(f"{path}: its folder has no row in {TABLE}")
            continue
        for number, target, quoted in includes(text):
            if target.startswith("loam/"):
                other = PUBLIC
            elif quoted:
                if "src/" + target not in sources:
                    faults.append(f'{path}:{number}: "{target}" is not a file below src/ (includes are written from there)')
                    continue
                other = folder_of(target, table)
            else:
                continue
            if other != folder and other not in table[folder][1]:
                faults.append(f"{path}:{number}: {folder} may not include {target} ({other})")
    return faults


def cycles(sources):
    """Cycles in the includes between files, each once, as lists of paths."""
    edges = {
        path: sorted({"src/" + target for _, target, quoted in includes(text) if quoted and "src/" + target in sources})
        for path, text in sources.items()
    }
    state, trail, found = {}, [], []

    def visit(path):
        state[path] = "open"
        trail.append(path)
        for target in edges[path]:
            if state.get(target) == "open":
                found.append(trail[trail.index(target):] + [target])
            elif target not in state:
                visit(target)
        trail.pop()
        state[path] = "done"

    for path in sorted(edges):
        if path not in state:
            visit(path)
    return found


def platform_faults(sources):
    """#if on the platform outside src/sys/."""
    faults = []
    for path, text in sorted(sources.items()):
        if path.startswith("src/sys/"):
            continue
        for number, line in enumerate(house.without_comments(text).splitlines(), 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif|elifdef)\b", line) and PLATFORM.search(line):
                faults.append(f"{path}:{number}: platform #if outside src/sys/: {line.strip()}")
    return faults


def door_faults(sources):
    """Includes of a library of DOORS that are not in one of its files."""
    faults = []
    for path, text in sorted(sources.items()):
        for number, target, _ in includes(text):
            for library, doors in DOORS.items():
                if target.startswith(library) and path not in doors:
                    faults.append(f"{path}:{number}: <{target}> is for {', '.join(sorted(doors))} alone")
    return faults


class TheTree(house.Check):
    def setUp(self):
        self.table = rows(house.read(TABLE))
        self.sources = {path: house.read(path) for path in house.files("src", "include")}
        self.assertGreater(len(self.sources), 5, "no sources found")

    def test_table(self):
        self.no_faults(table_faults(self.table))

    def test_every_row_has_files(self):
        used = {folder_of(path.removeprefix("src/"), self.table) for path in self.sources}
        self.no_faults(sorted(set(self.table) - used))

    def test_includes(self):
        self.no_faults(layer_faults(self.table, self.sources))

    def test_cycles(self):
        self.no_faults(cycles(self.sources))

    def test_platform(self):
        self.no_faults(platform_faults(self.sources))

    def test_doors(self):
        everything = {path: house.read(path) for path in house.files("src", "include", "test", "bench", "examples")}
        self.no_faults(door_faults(everything))
        used = {library for library in DOORS for path in DOORS[library] if library in everything.get(path, "")}
        self.assertEqual(used, set(DOORS), "no file includes it any more")


class TheChecker(unittest.TestCase):
    """Bad samples, which must be found."""

    document = """
| floor | folder | may include | owns |
| --- | --- | --- | --- |
| 0 | `src/base/` | | bits |
| 1 | `src/sys/` | base | kernel |
| 1 | `src/neighbour/` | base | other |
| 2 | `src/heap/` | base, sys | blocks |
| 3 | `src/tool/` | base | main |
| 2 | `src/tool/model/` | base | readers |
| 0 | `include/loam/` | | public |
"""

    def setUp(self):
        self.table = rows(self.document)

    def faults(self, path, text, **more):
        sources = {"src/base/a.hpp": "", "src/sys/b.hpp": "", "src/neighbour/n.hpp": "", "src/heap/c.hpp": "",
                   "src/tool/model/m.hpp": "", path: text, **more}
        return layer_faults(self.table, sources)

    def test_table_is_read(self):
        self.assertEqual(self.table["heap"], (2, {"base", "sys"}))
        self.assertEqual(table_faults(self.table), [])

    def test_good(self):
        self.assertEqual(self.faults("src/heap/x.cpp", '#include "sys/b.hpp"\n#include "heap/c.hpp"\n#include <vector>'), [])

    def test_upward(self):
        self.assertEqual(len(self.faults("src/sys/x.cpp", '#include "heap/c.hpp"')), 1)

    def test_neighbour(self):
        self.assertEqual(len(self.faults("src/sys/x.cpp", '#include "neighbour/n.hpp"')), 1)

    def test_edge_not_in_the_table(self):
        self.assertEqual(len(self.faults("src/heap/x.cpp", '#  include  "neighbour/n.hpp"')), 1)

    def test_public_header_is_an_edge(self):
        self.assertEqual(len(self.faults("src/heap/x.cpp", "#include <loam/loam.h>")), 1)

    def test_tool_folder_inside_folder(self):
        self.assertEqual(len(self.faults("src/tool/x.cpp", '#include "tool/model/m.hpp"')), 1)

    def test_relative_include(self):
        self.assertEqual(len(self.faults("src/heap/x.cpp", '#include "c.hpp"')), 1)

    def test_folder_without_row(self):
        self.assertEqual(len(self.faults("src/attic/x.cpp", "")), 1)

    def test_rows_that_go_up(self):
        bad = rows(self.document.replace("| 1 | `src/sys/` | base |", "| 1 | `src/sys/` | base, neighbour, heap, tool, gone |"))
        self.assertEqual(len(table_faults(bad)), 5)

    def test_tool_row_into_the_process(self):
        bad = rows(self.document.replace("| 3 | `src/tool/` | base |", "| 3 | `src/tool/` | base, heap |"))
        self.assertEqual(len(table_faults(bad)), 1)

    def test_two_rows(self):
        with self.assertRaises(ValueError):
            rows(self.document + "| 5 | `src/base/` | | again |\n")

    def test_cycle(self):
        sources = {"src/base/a.hpp": '#include "base/b.hpp"', "src/base/b.hpp": '#include "base/c.hpp"',
                   "src/base/c.hpp": '#include "base/a.hpp"', "src/base/d.hpp": '#include "base/a.hpp"'}
        self.assertEqual(cycles(sources), [["src/base/a.hpp", "src/base/b.hpp", "src/base/c.hpp", "src/base/a.hpp"]])

    def test_doors(self):
        bad = {"src/tool/render/run.cpp": "#include <nlohmann/json.hpp>\n#  include <nlohmann/json_fwd.hpp>\n",
               "test/e2e/tool/x.cpp": "#include <CLI/App.hpp>\n"}
        self.assertEqual(len(door_faults(bad)), 3)
        self.assertEqual(door_faults({"src/tool/model/json_value.cpp": "#include <nlohmann/json.hpp>\n"}), [])

    def test_platform(self):
        bad = {"src/heap/x.cpp": "#if defined(__x86_64__)\n#elif X && defined __linux__\n#ifdef __GLIBC__\n"}
        self.assertEqual(len(platform_faults(bad)), 3)
        good = {"src/sys/x.cpp": "#if defined(__x86_64__)\n", "src/heap/x.cpp": "// #if __linux__\n#if __cplusplus\n"}
        self.assertEqual(platform_faults(good), [])


if __name__ == "__main__":
    unittest.main()
