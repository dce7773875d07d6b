#!/bin/sh
# Writes the traces of the eight programs of docs/lab/fragmentation.md into FOLDER.
# Usage: examples/lab/record.sh FOLDER
set -eu
[ $# -eq 1 ] || { sed -n 2,3p "$0" >&2; exit 2; }
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
scripts=$root/test/e2e/real/scripts
mkdir -p "$1"
folder=$(CDPATH='' cd -- "$1" && pwd)
cc -shared -fPIC -o "$folder/mtrace_all.so" "$root/examples/lab/mtrace_all.c"
debug=$(ls /lib/*-linux-gnu/libc_malloc_debug.so.0 /lib64/libc_malloc_debug.so.0 2>/dev/null | head -1)

# trace NAME PROGRAM ARGUMENT...
trace() {
  name=$1
  shift
  MALLOC_TRACE=$folder/$name.mtrace LD_PRELOAD=$debug:$folder/mtrace_all.so "$@" >/dev/null
}

cat >"$folder/words.py" <<'END'
import json
words = {str(i): [i, str(i) * 3] for i in range(20000)}
text = json.dumps(words)
ordered = sorted(json.loads(text).items(), key=lambda item: item[1])
END
export PYTHONHASHSEED=0 PYTHONMALLOC=malloc LC_ALL=C
trace python3 /usr/bin/python3 "$folder/words.py"
trace perl perl "$scripts/words.pl"
trace lua lua5.4 "$scripts/tables.lua"
trace sqlite3 sqlite3 :memory: <"$scripts/tables.sql"
storm=$root/test/e2e/programs/policy_storm.c
trace cc1 "$(gcc -print-prog-name=cc1)" -quiet -imultiarch "$(gcc -print-multiarch)" -D_GNU_SOURCE -O2 "$storm" -o "$folder/storm.s"
trace as as "$folder/storm.s" -o "$folder/storm.o"
trace gawk awk '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) print n[w], w }' "$root"/src/*/*.cpp "$root"/docs/*.md
trace git git -C "$root" log --stat -100
