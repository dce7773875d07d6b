#!/usr/bin/env python3
"""Runs programs under the stack checker: at every malloc, calloc and realloc the stack through a memo and by a plain walk is
compared with what libgcc finds. A truncated or empty stack is a mismatch.

cross_check.py --bin FOLDER PART, with PART one of short, python, clang, threads, others, compilers. The long parts together
compare ten million stacks."""
import argparse
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TALLY = ("processes stacks frames deepest mismatches longer lost described lookups built entered refused forgotten"
         " ticks").split()
TALLY_BYTES = 8192

PYTHON = """
import json, re
for round in range({rounds}):
    d = {{str(i): [i, str(i * 3), {{"a": i}}] for i in range({size})}}
    text = json.dumps(d)
    back = json.loads(text)
    found = re.findall(r"[0-9]+5", text)
    lines = sorted((str(x)[:9] for x in back.values()), key=lambda s: s[::-1])
    class Deep:
        def __init__(self, n): self.child = Deep(n - 1) if n else None
        def __repr__(self): return "<%r>" % (self.child,)
    try:
        repr(Deep(60)); eval("(" * 40 + "1" + ")" * 40); int("x")
    except ValueError as error:
        found.append(str(error))
print(len(found), len(lines))
"""

SQL = """
create table t(a integer primary key, b text, c real);
insert into t select value, 'some text that is not short ' || value, value * 1.5 from generate_series(1, {rows});
create index i on t(b);
select count(*), sum(c), max(b) from (select * from t order by b desc) group by substr(b, 1, 30);
with recursive r(n) as (select 1 union all select n + 1 from r where n < {rows}) select count(*) from r join t on t.a = r.n;
"""

SOURCE = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> m;
  for (int i = 0; i < 100; i++) m[std::to_string(i)].push_back(i);
  std::regex r("a+b*");
  std::function<bool(int)> f = [&](int x) { return std::regex_match(std::to_string(x), r); };
  std::cout << std::count_if(m.begin(), m.end(), [&](auto& e) { return f(e.second[0]); });
}
"""


class Checker:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.library = self.folder / "libstack_check.so"
        if not self.library.exists():
            sys.exit(f"cross_check.py: {self.library} does not exist: build it")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="loam-stacks-"))
        self.total = 0
        self.faults = 0

    def environment(self, tally):
        env = dict(os.environ, LD_PRELOAD=str(self.library), LOAM_STACK_CHECK=str(tally), PYTHONMALLOC="malloc")
        env.pop("LOAM_OPTIONS", None)
        return env

    def begin(self):
        tally = self.work / "tally"
        tally.write_bytes(bytes(TALLY_BYTES))
        return tally

    def end(self, name, tally, least, goes_further=False):
        """Prints and judges what was counted. At code without unwind information libgcc ends, and frame pointers may lead on or not.
        goes_further: the program makes such code at run time; in others there are a few functions of that kind (of crtbegin.o)."""
        counts = dict(zip(TALLY, struct.unpack_from(f"<{len(TALLY)}Q", tally.read_bytes())))
        bad = counts["mismatches"]
        if not goes_further:
            bad += counts["lost"] + max(0, counts["longer"] - counts["stacks"] // 1000)
        enough = counts["stacks"] >= least
        print(f"{name}: {counts['stacks']} stacks, {counts['frames']} frames, deepest {counts['deepest']}, "
              f"{counts['mismatches']} mismatches, {counts['lost']} lost, {counts['longer']} led further than libgcc, "
              f"{counts['refused']} not remembered" + ("" if enough else f": fewer than {least} stacks"), flush=True)
        self.total += counts["stacks"]
        self.faults += bad + (not enough)

    def run(self, name, command, least, goes_further=False, **more):
        tally = self.begin()
        result = subprocess.run([str(word) for word in command], env=self.environment(tally), cwd=self.work,
                                stdout=subprocess.DEVNULL, check=False, **more)
        if result.returncode != 0:
            print(f"{name}: status {result.returncode}")
            self.faults += 1
        self.end(name, tally, least, goes_further)

    def write(self, name, text):
        path = self.work / name
        path.write_text(text, encoding="utf-8")
        return path

    # --- the programs

    def own(self, rounds, threads):
        folder = self.folder
        self.run("torture", [folder / "torture", rounds], 80 * rounds)
        self.run("threads", [folder / "threads", threads], 90 * threads)
        self.run("plugins", [folder / "plugins", folder / "plugin40.so", folder / "plugin88.so", 20], 700)

    def python(self, rounds, size, least):
        script = self.write("script.py", PYTHON.format(rounds=rounds, size=size))
        self.run("python3", ["/usr/bin/python3", script], least)

    def sqlite(self, rows, least):
        script = self.write("script.sql", SQL.format(rows=rows))
        self.run("sqlite3", ["/usr/bin/sqlite3", ":memory:", f".read {script}"], least)

    def clang(self, level, least):
        source = self.write("source.cpp", SOURCE)
        self.run(f"clang {level}", ["clang++-19", level, "-std=c++20", "-g", "-c", source, "-o", "source.o"], least)

    def redis(self, requests, least):
        socket = self.work / "redis.sock"
        tally = self.begin()
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""],
                                  env=self.environment(tally), cwd=self.work, stdout=subprocess.DEVNULL)
        for _ in range(200):
            if socket.exists():
                break
            time.sleep(0.05)
        kinds = "set,get,lpush,rpop,hset,zadd,lrange_100,mset"
        subprocess.run(["redis-benchmark", "-s", str(socket), "-n", str(requests), "-q", "-r", "10000", "-t", kinds],
                       stdout=subprocess.DEVNULL, check=True)
        subprocess.run(["redis-cli", "-s", str(socket), "eval", "local t={} for i=1,2000 do t[i]=tostring(i) end "
                        "return redis.call('set','x',table.concat(t))", "0"], stdout=subprocess.DEVNULL, check=True)
        subprocess.run(["redis-cli", "-s", str(socket), "shutdown", "nosave"], check=False)
        server.wait(60)
        self.end("redis-server", tally, least)

    def compilers(self):
        """The awkward stacks as each compiler makes them."""
        source = HERE / "programs" / "torture.cpp"
        for compiler in ("g++", "clang++-19"):
            for level in ("-O0", "-O1", "-O2", "-O3", "-Os"):
                for pointer in ("-fomit-frame-pointer", "-fno-omit-frame-pointer"):
                    program = self.work / "torture"
                    subprocess.run([compiler, "-std=c++20", level, pointer, str(source), "-o", str(program), "-lpthread"],
                                   check=True)
                    self.run(f"torture, {compiler} {level} {pointer}", [program, 60], 8000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("part", choices=["short", "python", "clang", "threads", "others", "compilers"])
    options = parser.parse_args()
    check = Checker(options.bin)
    if options.part == "short":
        check.own(30, 300)
        check.python(1, 300, 20000)
        check.sqlite(500, 2000)
        check.run("perl", ["perl", "-e", 'my %h; $h{$_} = [1, 2, "x$_"] for 1 .. 2000; print scalar keys %h'], 5000)
        check.run("sh", ["/bin/bash", "-c", "for i in 1 2 3; do x=$(echo $i | tr 1 2); done"], 500)
    elif options.part == "python":
        check.python(8, 12000, 3500000)
    elif options.part == "clang":
        for level in ("-O0", "-O1", "-O2"):
            check.clang(level, 500000)
    elif options.part == "threads":
        check.own(2000, 35000)
    elif options.part == "others":
        check.sqlite(300000, 300000)
        check.redis(8000, 300000)
        check.run("perl", ["perl", "-e", 'my %h; $h{$_} = [1, 2, "x$_"] for 1 .. 100000; print scalar keys %h'], 250000)
        check.run("git", ["git", "-C", HERE, "log", "--stat", "-50"], 1000)
        check.run("node", ["node", "-e", "let a=[];for(let i=0;i<20000;i++)a.push({x:String(i)});JSON.stringify(a)"], 100000,
                  goes_further=True)
    else:
        check.compilers()
    print(f"{check.total} stacks, {check.faults} faults")
    return 1 if check.faults else 0


if __name__ == "__main__":
    sys.exit(main())
