#!/usr/bin/env python3
"""Builds the fast-path candidates and prints the tables of docs/decisions/0001-fast-path.md.

Usage: run.py [--build DIR] [--rounds N] [--only check,count,time,programs,promises]
Rounds are interleaved (every allocator once a round, the order rotated); a cell is the minimum over all rounds.
Exit status: 0 measured, 1 something failed, 2 usage. A missing peer or program is an error that names its package.
"""
import argparse, glob, os, shutil, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ("-std=c++20 -O2 -fPIC -shared -fvisibility=hidden -fno-exceptions -fno-rtti -fno-builtin-malloc "
         "-Wall -Wextra -Wconversion -Wshadow").split()
CANDIDATES = {  # name: source and macros
    "A btr/bts": ("bitmap.cpp", "-DFORM=FORM_MEMORY"),
    "A cmpxchg": ("bitmap.cpp", "-DFORM=FORM_CMPXCHG"),
    "A mark": ("bitmap.cpp", "-DFORM=FORM_MARK"),
    "A unsafe": ("bitmap.cpp", "-DFORM=FORM_UNSAFE"),
    "A two": ("bitmap.cpp", "-DFORM=FORM_TWO"),
    "B list": ("list.cpp",),
    "C cache": ("cache.cpp",),
}
PEERS = {
    "mimalloc": ("libmimalloc.so.2.0", "libmimalloc2.0"),
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
}
PROMISES = {
    "all promises": (),
    "no double-free test": ("-DDOUBLE_FREE=0",),
    "no interior test": ("-DINTERIOR=0",),
    "no heartbeat": ("-DHEARTBEAT=0",),
    "no owner check": ("-DOWNER=0",),
    "no signal tolerance": ("-DSIGNALS=0",),
    "none of them": ("-DSIGNALS=0", "-DDOUBLE_FREE=0", "-DINTERIOR=0", "-DHEARTBEAT=0", "-DOWNER=0"),
}
WINNER = "-DFORM=FORM_TWO"

PYTHON = """import json
words = [('key%d' % (i * 7919 % 100003)) for i in range(60000)]
table = {}
for r in range(3):
    for w in words: table.setdefault(w[:5 + r], []).append(w + str(r))
text = json.dumps(table)
for _ in range(3): back = json.loads(text)
print(len(text), len(back), sum(len(' '.join(v)) for v in back.values()))
"""
LUA = """local t, n = {}, 0
local function tree(d) if d == 0 then return {} end return {tree(d - 1), tree(d - 1)} end
for i = 1, 14 do t[i % 3] = tree(14) end
local s = {}
for i = 1, 300000 do s[i % 5000] = 'string ' .. i; n = n + #s[i % 5000] end
print(n)
"""
PERL = """my (%h, $n);
for my $i (1 .. 250000) { my $k = 'k' . ($i * 7919 % 50021); push @{$h{$k}}, "value $i"; }
for my $r (1 .. 3) { for my $k (sort keys %h) { $n += length join ',', map { uc } @{$h{$k}}; } }
print "$n\\n";
"""
SQL = """create table t(id integer primary key, a text, b integer);
with recursive c(i) as (select 1 union all select i + 1 from c where i < 150000)
insert into t select i, 'name ' || (i * 7919 % 100003), i % 977 from c;
create index ta on t(a);
select count(*), max(s) from (select b, group_concat(a) as s from t group by b order by b);
select count(*) from t x join t y on x.a = y.a where x.b < 200;
"""
CPP = """#include <algorithm>
#include <any>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <ranges>
#include <regex>
#include <unordered_map>
#include <variant>
int f(std::map<std::string, std::vector<std::regex>>& m) { return static_cast<int>(m["a"].size()); }
"""
PS = """%!
/Times-Roman findfont 9 scalefont setfont
1 1 25 { pop 0 1 90 { dup 8 mul 40 add 40 exch moveto 20 { ( word ) show dup 7 string cvs show } repeat pop } for
0 1 400 { dup 360 mod rotate 0 0 moveto 200 100 300 200 500 500 curveto stroke dup pop pop } for showpage } for
"""


def fail(message):
    sys.exit("run.py: " + message)


def build(directory, names):
    libs = {}
    os.makedirs(directory, exist_ok=True)
    for name, spec in names.items():
        out = os.path.join(directory, name.replace(" ", "-").replace("/", "-") + ".so")
        subprocess.run(["g++", *FLAGS, *spec[1:], os.path.join(HERE, spec[0]), "-o", out], check=True)
        libs[name] = out
    for tool in ("driver", "check"):
        subprocess.run(["g++", "-std=c++20", "-O2", "-fno-builtin", "-Wall", "-Wextra", os.path.join(HERE, tool + ".cpp"),
                        "-o", os.path.join(directory, tool)], check=True)
    return libs, os.path.join(directory, "driver")


def peers():
    found = {"glibc": ""}
    for name, (lib, package) in PEERS.items():
        paths = glob.glob("/usr/lib/*/" + lib)
        if not paths:
            fail(f"{lib} is missing: install {package}")
        found[name] = paths[0]
    return found


def environment(lib):
    env = dict(os.environ, PYTHONMALLOC="malloc", PYTHONHASHSEED="0")
    env.pop("LD_PRELOAD", None)
    if lib:
        env["LD_PRELOAD"] = lib
    return env


def drive(driver, lib, mode):
    out = subprocess.run([driver, mode], env=environment(lib), capture_output=True, text=True)
    if out.returncode != 0 or out.stderr:
        fail(f"driver {mode} under {lib or 'glibc'}: status {out.returncode} {out.stderr.strip()}")
    return {line.split()[0]: [float(v) for v in line.split()[1:]] for line in out.stdout.splitlines()}


def rounds_over(libs, rounds, measure):
    """{allocator: {row: [minimum of each value]}}, with rotated order."""
    table = {name: {} for name in libs}
    names = list(libs)
    for r in range(rounds):
        for name in names[r % len(names):] + names[:r % len(names)]:
            for row, values in measure(libs[name]).items():
                old = table[name].get(row, values)
                table[name][row] = [min(a, b) for a, b in zip(old, values)]
    return table


def show(title, table, column, form):
    names = list(table)
    print(f"\n### {title}\n\n| | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for row in table[names[0]]:
        print(f"| {row} | " + " | ".join(form % table[n][row][column] for n in names) + " |")
    sys.stdout.flush()


def program_commands(directory):
    for name, text in (("p.py", PYTHON), ("p.lua", LUA), ("p.pl", PERL), ("p.sql", SQL), ("p.cpp", CPP), ("p.ps", PS)):
        with open(os.path.join(directory, name), "w") as f:
            f.write(text)
    for tool, package in (("lua5.4", "lua5.4"), ("perl", "perl"), ("sqlite3", "sqlite3"), ("gs", "ghostscript")):
        if shutil.which(tool) is None:
            fail(f"{tool} is missing: install {package}")
    compiler = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True).stdout.strip()
    multiarch = subprocess.run(["g++", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    path = lambda name: os.path.join(directory, name)
    return {
        "python3": ["python3", path("p.py")], "lua5.4": ["lua5.4", path("p.lua")], "perl": ["perl", path("p.pl")],
        "sqlite3": ["sqlite3", ":memory:", ".read " + path("p.sql")],
        "cc1plus": [compiler, "-quiet", "-imultiarch", multiarch, "-std=c++20", "-fsyntax-only", "-o", os.devnull, "-D_GNU_SOURCE", path("p.cpp")],
        "gs": ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pgmraw", "-r150", "-sOutputFile=-", path("p.ps")],
    }


def run_program(driver, command, lib, expected):
    out = subprocess.run([driver, "run", lib, *command], env=environment(""), capture_output=True)
    if out.returncode != 0 or out.stdout != expected.setdefault(command[0], out.stdout):
        fail(f"{command[0]} under {lib or 'glibc'}: {out.stderr.decode()} {'output differs' if out.returncode == 0 else ''}")
    return [float(v) for v in out.stderr.split()[-2:]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(HERE, "../../build-candidates"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="check,count,time,programs,promises")
    args = parser.parse_args()
    parts = args.only.split(",")
    directory = os.path.abspath(args.build)
    libs, driver = build(directory, CANDIDATES)
    everyone = {**libs, **peers()}
    if "check" in parts:
        print("\n### Promises kept\n")
        for name, lib in libs.items():
            out = subprocess.run([os.path.join(directory, "check")], env=environment(lib), capture_output=True, text=True)
            print(f"- {name}: {out.stdout.splitlines()[-1]}", flush=True)
            if (out.returncode == 0) == (name == "A unsafe"):
                fail(f"{name} {'passes the check of signals, which must fail' if out.returncode == 0 else 'breaks a promise'}")
    if "count" in parts:
        table = rounds_over(everyone, 1, lambda lib: drive(driver, lib, "count"))
        show("Instructions a pair, path alone", table, 0, "%.0f")
        show("Instructions a pair, mean with the slow half", table, 1, "%.1f")
    if "time" in parts:
        table = rounds_over(everyone, args.rounds, lambda lib: drive(driver, lib, "time"))
        show("Nanoseconds an operation, minimum", table, 0, "%.1f")
        show("Nanoseconds an operation, median", table, 1, "%.1f")
    if "programs" in parts:
        commands, expected = program_commands(directory), {}
        measure = lambda lib: {name: run_program(driver, c, lib, expected) for name, c in commands.items()}
        table = rounds_over({**everyone, "glibc again": ""}, args.rounds, measure)
        show("CPU seconds", table, 0, "%.2f")
        show("Peak RSS, MB", table, 1, "%.1f")
    if "promises" in parts:
        named = {k: ("bitmap.cpp", WINNER, *v) for k, v in PROMISES.items()}
        libs, driver = build(directory, named)
        table = rounds_over(libs, 1, lambda lib: drive(driver, lib, "count"))
        show("Price of the promises, instructions a pair", table, 0, "%.0f")
        table = rounds_over(libs, args.rounds, lambda lib: drive(driver, lib, "time"))
        show("Price of the promises, nanoseconds, minimum", table, 0, "%.2f")


main()
