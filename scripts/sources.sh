#!/bin/sh
# Prints the C and C++ files of the project, one a line, from the root of the tree.
set -eu
cd "$(dirname "$0")/.."
find src include test bench examples \( -name '*.cpp' -o -name '*.hpp' -o -name '*.c' -o -name '*.h' \) -type f \
  2>/dev/null | sort
