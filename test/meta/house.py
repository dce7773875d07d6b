"""Where the tree lies, which files belong to it, and how to read C++ well enough for the checks beside this file."""

import os
import re
import unittest

ROOT = os.path.realpath(os.environ.get("LOAM_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "..", "..")))
CXX = (".cpp", ".hpp", ".c", ".h")


def files(*folders, suffixes=CXX, root=ROOT):
    """Paths relative to root of the files below the folders named, sorted. Build trees and caches are left out."""
    found = []
    for folder in folders:
        for where, below, names in os.walk(os.path.join(root, folder)):
            below[:] = [name for name in below if not name.startswith((".", "build")) and name != "__pycache__"]
            found += [os.path.relpath(os.path.join(where, name), root) for name in names if name.endswith(suffixes)]
    return sorted(found)


def read(path, root=ROOT):
    """The text of a file given relative to root."""
    with open(os.path.join(root, path), encoding="utf-8") as stream:
        return stream.read()


def without_comments(text):
    """C++ text with comments and string contents blanked, line numbers kept."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        kept = match.group(0)
        if kept[0] in "\"'":
            return kept[0] * 2
        return "\n" * kept.count("\n")

    return token.sub(blank, text)


class Check(unittest.TestCase):
    """A test case that prints every fault on a line of its own."""

    def no_faults(self, faults):
        if faults:
            self.fail("\n  " + "\n  ".join(str(fault) for fault in faults))
