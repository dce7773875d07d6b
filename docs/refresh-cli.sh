#!/bin/sh
# Writes the tables of docs/cli.md anew from the tool itself; the test tool.documentation compares them.
# Usage: docs/refresh-cli.sh [path of loam]
set -eu
folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
loam=${1:-$folder/../build/bin/loam}
tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
"$loam" --generate markdown >"$tables"
awk -v tables="$tables" '
  /^<!-- end of generated tables -->/ { inside = 0 }
  !inside { print }
  /^<!-- generated tables -->/ { inside = 1; print ""; while ((getline line < tables) > 0) print line; print "" }
' "$folder/cli.md" >"$tables.page"
mv "$tables.page" "$folder/cli.md"
