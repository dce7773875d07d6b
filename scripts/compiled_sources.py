"""Prints the source files of a compile_commands.json that lie in this tree, one a line.

Usage: compiled_sources.py BUILD/compile_commands.json"""

import json
import os
import sys


def main():
    root = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
    with open(sys.argv[1], encoding="utf-8") as stream:
        files = {os.path.realpath(os.path.join(entry["directory"], entry["file"])) for entry in json.load(stream)}
    build = os.path.realpath(os.path.dirname(sys.argv[1]))
    for name in sorted(files):
        if name.startswith(root + os.sep) and not name.startswith(build + os.sep) and name.endswith((".c", ".cpp")):
            print(name)


if __name__ == "__main__":
    main()
