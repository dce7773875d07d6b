#!/usr/bin/env python3
"""Asks valgrind about what `loam check` has found: runs a program under both and looks for the same stack of allocation, in
the program and all that it starts.

confirm.py [--show] [--user NAME] [--skip PATTERNS] -- PROGRAM ARGS...
Return addresses are compared by their place in the page, up to five of them from the innermost outwards, as far as valgrind shows them (it
leaves out what lies below main). --skip: programs that valgrind need not follow, as its --trace-children-skip. Prints each finding with
what valgrind says of that stack; exit status 1 when it knows none of it.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[3]
LOAM = os.environ.get("LOAM_BIN") or str(ROOT / "build/bin/loam")
DEPTH, PAGE = 5, 4096


def places(addresses):
    return tuple(address % PAGE for address in addresses[:DEPTH])


def same(ours, theirs):
    """valgrind prints the call, not the address behind it: one byte less."""
    return bool(theirs) and len(ours) >= len(theirs) and all((a - b) % PAGE in (0, 1) for a, b in zip(ours, theirs))


def of_valgrind(path):
    """(places, kind, bytes) of each error in the file. What a process wrote that went on as another program is cut off."""
    out = []
    text = path.read_text()
    if "</valgrindoutput>" not in text:
        return out
    for error in xml.etree.ElementTree.fromstring(text).findall("error"):
        frames = [frame for frame in error.find("stack").findall("frame") if "vgpreload" not in (frame.findtext("obj") or "")]
        out.append((places([int(frame.findtext("ip"), 16) for frame in frames]), error.findtext("kind").replace("Leak_", ""),
                    error.findtext("xwhat/leakedbytes") or "-"))
    return out


def of_loam(path):
    """(places, kind, bytes, functions) of each finding."""
    out = []
    for finding in json.loads(path.read_text())["findings"]:
        frames = finding["stacks"][0]["frames"] if finding["stacks"] else []
        names = [frame["function"] or os.path.basename(frame["module"] or "?") for frame in frames[:DEPTH]]
        out.append((places([int(frame["address"], 16) for frame in frames]), finding.get("class") or finding["kind"],
                    finding["bytes"], " < ".join(names)))
    return out


def run(command, user):
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    subprocess.run([*as_user, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def proves_itself():
    """Bad samples, which must be told apart."""
    assert same((17, 33, 4), (16, 32)) and same((0,), (PAGE - 1,))
    assert not same((17, 33), (16, 40)) and not same((17,), (16, 32)) and not same((17,), ())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--skip", default="-")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    proves_itself()
    with tempfile.TemporaryDirectory(prefix="loam-confirm-") as room:
        os.chmod(room, 0o777)
        ours = pathlib.Path(room) / "loam.json"
        run([LOAM, "check", "--leaks", "all", "--exit-code", "0", "--format", "json", "--output", str(ours), "--",
             *options.command], options.user)
        run(["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all", "--xml=yes", f"--xml-file={room}/%p.xml",
             "--num-callers=20", "--trace-children=yes", f"--trace-children-skip={options.skip}", *options.command], options.user)
        known = [error for path in pathlib.Path(room).glob("*.xml") for error in of_valgrind(path)]
        unknown = 0
        tally = collections.Counter()
        for where, kind, size, names in of_loam(ours):
            said = [f"{name} {size_of} bytes" for their, name, size_of in known if same(where, their)]
            unknown += not said
            tally[kind] += 1
            if options.show or not said:
                print(f"  {kind}, {size} bytes: {names}: {', '.join(said) or 'NOT SEEN BY VALGRIND'}")
        print(f"{' '.join(options.command)}: {dict(tally) or 'nothing found'}, {sum(tally.values()) - unknown} of "
              f"{sum(tally.values())} seen by valgrind too", flush=True)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
