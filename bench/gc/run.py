"""The shapes of shapes.cpp on libloam-gc.so and on Debian's libgc in turns: build/bench/gc-shapes must be there. A row for each shape and
library: the median of the rounds by what the shape is about, and what that run printed. Usage: run.py BUILD [ROUNDS]"""

import os
import re
import statistics
import subprocess
import sys

PROCESSOR = r"processor ([\d.]+) s"
COLLECTION = r"collection ([\d.]+) ms"
LONGEST = r"longest ([\d.]+) ms"
SHAPES = (("trees", "20", PROCESSOR, "s of processor time"), ("mark-order", "512", COLLECTION, "ms a collection"),
          ("mark-random", "512", COLLECTION, "ms a collection"), ("ring", "500", LONGEST, "ms the longest operation"))
SETTINGS = {
    "libgc": {},
    "libgc, two markers, divisor 1": {"SHAPES_TWO_MARKERS": "1", "GC_FREE_SPACE_DIVISOR": "1"},
    "loam, one marker": {"GC_MARKERS": "1"},
    "loam, two markers, stopping the world": {"LOAM_GC": "concurrent=0"},
    "loam": {},
}
# The same operations where nothing is collected: what the machine itself holds up.
TWINS = {"ring": "ring-malloc"}


def run(build, shape, size, name, settings):
    environment = dict(os.environ, **settings)
    if name.startswith("loam"):
        environment["LD_LIBRARY_PATH"] = os.path.join(build, "lib/gc")
        environment["LOAM_GC"] = "stats=1:" + environment.get("LOAM_GC", "")
    done = subprocess.run([os.path.join(build, "bench/gc-shapes"), shape, size], env=environment,
                          capture_output=True, text=True, check=True)
    pauses = re.search(r"pauses .*? longest (\d+) us", done.stderr)
    lines = done.stdout.strip().replace("\n", "; ")
    return lines + (f"; longest pause {int(pauses.group(1)) / 1000:.2f} ms" if pauses else "")


def main():
    build = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    for shape, size, pattern, unit in SHAPES:
        found = {}
        for _ in range(rounds):
            for name, settings in SETTINGS.items():
                found.setdefault(name, []).append(run(build, shape, size, name, settings))
            if shape in TWINS:
                found.setdefault("malloc", []).append(run(build, TWINS[shape], size, "malloc", {}))
        for name, outputs in found.items():
            middle = statistics.median_low([float(re.search(pattern, output).group(1)) for output in outputs])
            shown = next(output for output in outputs if float(re.search(pattern, output).group(1)) == middle)
            print(f"{shape} {size:4} {name:38} {middle:8.2f} {unit}   ({shown})", flush=True)


if __name__ == "__main__":
    main()
