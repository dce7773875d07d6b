"""The shapes of shapes.cpp on libloam-gc.so and on Debian's libgc in turns: build/bench/gc-shapes must be there. What each prints,
the best of the rounds by what the shape is about. Usage: run.py BUILD [ROUNDS]"""

import os
import re
import subprocess
import sys

SHAPES = (("trees", "20", r"processor ([\d.]+) s"), ("mark-order", "512", r"collection ([\d.]+) ms"),
          ("mark-random", "512", r"collection ([\d.]+) ms"), ("ring", "500", r"longest ([\d.]+) ms"))
SETTINGS = {
    "libgc": {},
    "libgc, two markers, divisor 1": {"SHAPES_TWO_MARKERS": "1", "GC_FREE_SPACE_DIVISOR": "1"},
    "loam, one marker": {"GC_MARKERS": "1"},
    "loam, two markers": {},
}


def main():
    build = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for shape, size, pattern in SHAPES:
        best = {}
        for _ in range(rounds):
            for name, settings in SETTINGS.items():
                environment = dict(os.environ, **settings)
                if name.startswith("loam"):
                    environment["LD_LIBRARY_PATH"] = os.path.join(build, "lib/gc")
                output = subprocess.run([os.path.join(build, "bench/gc-shapes"), shape, size], env=environment,
                                        capture_output=True, text=True, check=True).stdout
                value = float(re.search(pattern, output).group(1))
                if name not in best or value < best[name][0]:
                    best[name] = (value, output.strip().replace("\n", "; "))
        for name, (_, output) in best.items():
            print(f"{shape} {size}, {name}: {output}", flush=True)


if __name__ == "__main__":
    main()
