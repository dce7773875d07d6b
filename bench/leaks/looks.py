#!/usr/bin/env python3
"""What a look for leaks costs a server that goes on serving: threads on epoll, 350 MB in two million blocks, clients that ask all
the time, a request now and then that loses what it has allocated.

looks.py [--looks N] [--megabytes N] [--after SECONDS] [--only TEXT]
For each mode N looks, each with how long the threads stood still and the copy marked (by the clock, and in processor time, which
the other programs of the machine do not lengthen), then the throughput, the processor time of a request and the share of huge pages in the seconds after,
beside those before the first look. Then one look in each of the surroundings that a server may live in. Exit status 1 when an answer was
wrong, a thread did not stop, or the growing place was not named.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/support"))
import preload  # noqa: E402

LOAM = os.environ.get("LOAM_BIN", str(ROOT / "build/bin/loam"))
PROGRAMS = pathlib.Path(os.environ.get("LOAM_LEAKS_PROGRAMS") or ROOT / "build/bin/leaks")
MODES = {"fast": "", "--stacks": "stacks=1"}
LOOPS, CLIENTS, LEAK_EVERY = 4, 4, 50
SETTLE = 4.0  # seconds before the first look in which the throughput is taken
TICK = 1 / os.sysconf("SC_CLK_TCK")
SURROUNDINGS = {
    "no capabilities": ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"],
    "ptrace denied": [str(PROGRAMS / "deny"), "ptrace"],
    "as PID 1": ["unshare", "--pid", "--fork", "--mount-proc"],
}


class Server:
    def __init__(self, options, megabytes, prefix=(), loops=LOOPS, clients=CLIENTS, deaf=0):
        words = [*prefix, str(PROGRAMS / "server"), str(loops), str(clients), str(megabytes), "600", str(LEAK_EVERY), str(deaf)]
        self.process = subprocess.Popen(words, env=preload.environment(options), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        if not self.process.stdout.readline().startswith("ready"):
            sys.exit(f"{words}: the server does not start")
        self.pid = self.process.pid if not prefix or prefix[0] != "unshare" else self.inner()
        self.lines = []  # (when, answers a second, slowest in us)
        self.last = ""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def inner(self):
        """The server, when it runs in a namespace of its own."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "rate":
                self.lines.append((time.monotonic(), int(words[1]), int(words[3])))
            else:
                self.last = line

    def cpu(self):
        words = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) * TICK

    def huge_share(self):
        rows = {line.split()[0]: int(line.split()[1])
                for line in pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]}
        return rows["AnonHugePages:"] / rows["Rss:"]

    def watch(self, seconds):
        """(answers a second, us of processor a request, slowest request in ms, huge share) of the seconds to come."""
        begin, cpu = time.monotonic(), self.cpu()
        time.sleep(seconds)
        cpu = self.cpu() - cpu
        rates = [rate for when, rate, _ in self.lines if when > begin]
        slowest = max(us for when, _, us in self.lines if when > begin)
        return statistics.mean(rates), cpu / seconds / statistics.mean(rates) * 1e6, slowest / 1000, self.huge_share()

    def end(self):
        """(answers, wrong ones, calls of epoll_wait that returned early)"""
        self.process.stdin.close()
        self.reader.join()
        self.process.wait()
        words = self.last.split()
        return int(words[1]), int(words[3]), int(words[5])


def look(pid, *arguments, env=None):
    done = subprocess.run([LOAM, "leaks", str(pid), "--format", "json", *arguments], env=env or preload.plain_environment(),
                          text=True, capture_output=True, check=False)
    if done.returncode not in (0, 99):
        sys.exit(f"loam leaks: {done.stderr}")
    return json.loads(done.stdout)


def ms(nanoseconds):
    return f"{nanoseconds / 1e6:7.2f}"


def growing_functions(report):
    """The innermost functions of the groups that have grown in three looks, None where the stack is not known."""
    names = set()
    for group in report["groups"]:
        if group.get("growing"):
            names |= {stack["frames"][0]["function"] for stack in group["stacks"]} or {None}
    return names | {site["frames"][0]["function"] for site in report["growing_sites"]}


def print_figures(name, figures):
    print(f"  {name:16} still {ms(figures['pause_ns'])} ms, copy {ms(figures['copy_ns'])} ({ms(figures['copy_cpu_ns'])} processor), "
          f"mark {ms(figures['mark_ns'])} ms ({ms(figures['mark_cpu_ns'])} processor); {figures['live_blocks']:,} blocks, "
          f"{figures['threads_stopped']} threads stopped, {figures['threads_waiting']} left waiting, "
          f"{figures['threads_interrupted']} calls returned early, {figures['attempts']} attempts", flush=True)


def measure_mode(name, options, arguments):
    server = Server(options, arguments.megabytes)
    print(f"{name}: a server of {LOOPS} event loops and {CLIENTS} clients, {arguments.megabytes} MB")
    rate, cost, slowest, share = server.watch(SETTLE)
    print(f"  before           {rate:7,.0f} answers/s, {cost:5.1f} us of processor each, slowest {slowest:6.1f} ms, huge pages {share:6.1%}")
    all_figures, faults = [], 0
    with tempfile.TemporaryDirectory() as runtime:
        env = {**preload.plain_environment(), "XDG_RUNTIME_DIR": runtime}
        for number in range(1, arguments.looks + 1):
            report = look(server.pid, "--since-last", env=env)
            all_figures.append(report["figures"])
            print_figures(f"look {number}", report["figures"])
            rate, cost, slowest, share = server.watch(arguments.after)
            print(f"    {arguments.after:.0f} s after     {rate:7,.0f} answers/s, {cost:5.1f} us of processor each, slowest "
                  f"{slowest:6.1f} ms, huge pages {share:6.1%} ({report['figures']['huge_bytes_joined'] >> 20} MiB joined, "
                  f"{report['figures']['huge_bytes_broken'] >> 20} MiB broken, "
                  f"{report['figures']['huge_bytes_restored'] >> 20} MiB restored)")
    for text, key in (("stood still", "pause_ns"), ("copy", "copy_ns"), ("copy, processor", "copy_cpu_ns"), ("marked", "mark_ns"),
                      ("marked, processor", "mark_cpu_ns")):
        values = [figures[key] for figures in all_figures]
        print(f"  {text:18} least {ms(min(values))}  median {ms(statistics.median(values))}  most {ms(max(values))} ms")
    answers, wrong, early = server.end()
    print(f"  {answers:,} answers, {wrong} wrong, {early} calls of epoll_wait returned early in {len(all_figures)} looks")
    faults += wrong
    if arguments.looks >= 3:
        names = growing_functions(report)
        print(f"  grown in three looks: {sorted(str(name) for name in names)}")
        faults += names != {"lose_one"} if options else 0
    return faults


def measure_surroundings(arguments):
    print("surroundings: one look each")
    faults = 0
    cases = [(name, {"prefix": prefix}) for name, prefix in SURROUNDINGS.items()]
    cases += [("200 threads", {"loops": 40, "clients": 160}), ("8 block signals", {"deaf": 8})]
    for name, more in cases:
        if arguments.only not in name:
            continue
        server = Server("", arguments.megabytes, **more)
        time.sleep(1)
        figures = look(server.pid)["figures"]
        print_figures(name, figures)
        answers, wrong, early = server.end()
        print(f"    {answers:,} answers, {wrong} wrong, {early} calls of epoll_wait returned early, "
              f"{figures['threads_silent']} threads did not stop")
        faults += wrong + figures["threads_silent"]
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=350)
    parser.add_argument("--after", type=float, default=10)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    faults = 0
    for name, options in MODES.items():
        if arguments.only in name:
            faults += measure_mode(name, options, arguments)
    faults += measure_surroundings(arguments)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
