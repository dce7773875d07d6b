"""Real programs from Debian, each a function that runs one and returns what must be the same with and without the library.

A case gets a Place: a fresh folder that has the same name in every run, and the environment under test. What it returns
is compared byte for byte. Times and random names are left out by the case itself, nothing else.
"""
import dataclasses
import hashlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import time
import urllib.request

SCRIPTS = pathlib.Path(__file__).resolve().parent / "scripts"
ROOT = SCRIPTS.parents[3]
PYTHON = "/usr/bin/python3.11"


class Broken(Exception):
    """The program failed, whatever its output."""


@dataclasses.dataclass
class Place:
    folder: pathlib.Path
    env: dict
    wrap: tuple = ()   # words in front of the command line, such as a counting launcher

    def run(self, *words, stdin=None, timeout=900, status=0, **more):
        """Standard output and error of a program that must end with the given status."""
        done = subprocess.run([*self.wrap, *map(str, words)], env=self.env, cwd=self.folder, input=stdin, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
        if done.returncode != status:
            raise Broken(f"{words[0]}: status {done.returncode}: {done.stdout[-800:].decode(errors='replace')}")
        return done.stdout

    def start(self, *words, **more):
        log = open(self.folder / "server.log", "ab")
        return subprocess.Popen([*self.wrap, *map(str, words)], env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, **more)


@dataclasses.dataclass
class Case:
    name: str
    run: object
    needs: tuple          # programs or files
    fast: bool = False
    sources: tuple = ("mmap", "sbrk", "file")


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def wait_until(probe, what, seconds=60):
    end = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > end:
            raise Broken(f"{what} does not answer")
        time.sleep(0.05)


def python_test(*modules):
    def run(place):
        place.env["PYTHONMALLOC"] = "malloc"
        place.env["PYTHONHASHSEED"] = "0"
        out = place.run(PYTHON, "-m", "unittest", "-b", *("test." + module for module in modules))
        return re.sub(rb"in [0-9.]+s", b"in TIMEs", out)
    return run


def python_processes(module):
    """Helper processes complain to standard error now and then, with and without the library, in the middle of any line."""
    def run(place):
        place.env["PYTHONMALLOC"] = "malloc"
        place.env["PYTHONHASHSEED"] = "0"
        out = place.run("sh", "-c", 'exec "$@" 2>complaints', "sh", PYTHON, SCRIPTS / "outcomes.py", "test." + module)
        return re.sub(rb"in [0-9.]+s", b"in TIMEs", out)
    return run


def python_sqlite(place):
    place.env["PYTHONMALLOC"] = "malloc"
    place.env["PYTHONHASHSEED"] = "0"
    return place.run(PYTHON, SCRIPTS / "database.py")


def git(place):
    return place.run("sh", SCRIPTS / "repository.sh")


def compile_heavy(compiler):
    def run(place):
        out = b""
        for level in ("-O1",):
            out += place.run(compiler, "-std=c++20", level, "-c", SCRIPTS / "heavy.cpp", "-o", "heavy.o")
            out += digest(place.folder / "heavy.o").encode() + b"\n"
        return out
    return run


def build_loam(place):
    """Every source of the runtime itself, compiled and linked; the objects and the library must come out the same."""
    source = place.folder.parent / "source"   # a copy, so that every run sees the same sources under the same name
    if not source.exists():
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", "build", "build-*", "test", "bench"), symlinks=True)
    place.run("cmake", "-S", source, "-B", "build", "-DLOAM_TOOL=OFF", "-DLOAM_TESTS=OFF", "-DLOAM_BENCH=OFF")
    place.run("cmake", "--build", "build", "-j2", timeout=1800)
    made = sorted(path for path in (place.folder / "build").rglob("*") if path.suffix == ".o" or ".so." in path.name)
    return b"".join(digest(path).encode() + b" " + path.name.encode() + b"\n" for path in made if path.is_file())


def redis(place):
    unix = place.folder / "redis.sock"
    server = place.start("redis-server", "--port", 0, "--unixsocket", unix, "--save", "", "--enable-debug-command", "yes",
                         "--daemonize", "no")
    try:
        wait_until(unix.exists, "redis-server")
        return subprocess.run(["redis-cli", "-s", unix], input=(SCRIPTS / "commands.redis").read_bytes(), timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
    finally:
        server.terminate()
        if server.wait(60) != 0:
            raise Broken(f"redis-server ended with {server.returncode}: {(place.folder / 'server.log').read_text()[-500:]}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nginx(place):
    port = free_port()
    pages = place.folder / "pages"
    pages.mkdir()
    for i, size in enumerate((10, 5000, 300000, 4000000)):
        (pages / f"{i}.txt").write_text(("line %d\n" % i) * (size // 7 + 1))
    (place.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 2; pid nginx.pid; error_log error.log; user root;
events {{ worker_connections 512; }}
http {{ access_log access.log; gzip on; gzip_types text/plain; gzip_min_length 100; default_type text/plain;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server {{ listen 127.0.0.1:{port}; root pages; ssi on; autoindex on; location /again/ {{ proxy_pass http://127.0.0.1:{port}/; }} }} }}
""")
    server = place.start("nginx", "-p", place.folder, "-c", "nginx.conf")
    out = b""

    def fetch(path, packed):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}")
        if packed:
            request.add_header("Accept-Encoding", "gzip")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def answers():
        try:
            return bool(fetch("0.txt", False))
        except OSError:
            return False

    try:
        wait_until(answers, "nginx")
        for path in ("1.txt", "2.txt", "again/1.txt"):
            for keep in ((), ("-k", "-H", "Accept-Encoding: gzip")):
                load = subprocess.run(["ab", "-q", "-n", "4000", "-c", "40", *keep, f"http://127.0.0.1:{port}/{path}"], timeout=300,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
                out += b"\n".join(line for line in load.split(b"\n")
                                  if line.startswith((b"Complete requests", b"Failed requests", b"Document Length"))) + b"\n"
        for i in range(4):
            for packed in (False, True):
                out += hashlib.sha256(fetch(f"{i}.txt", packed)).hexdigest().encode() + b"\n"
    finally:
        server.terminate()
        server.wait(60)
    return out


def postgres(place):
    home = pathlib.Path("/usr/lib/postgresql/15/bin")
    user = pwd.getpwnam("postgres")
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    os.chmod(place.folder, 0o777)
    data = place.folder / "data"
    place.run(home / "initdb", "-D", data, "--no-sync", "-A", "trust", "-U", "postgres", "--locale=C", "-E", "UTF8", **who)
    port = free_port()
    server = place.start(home / "postgres", "-D", data, "-k", place.folder, "-p", port, "-c", "listen_addresses=", "-c", "fsync=off",
                         "-c", "shared_buffers=32MB", **who)
    login = ("-h", place.folder, "-p", port, "-U", "postgres")
    try:
        wait_until(lambda: subprocess.run([home / "pg_isready", *map(str, login)], stdout=subprocess.DEVNULL, check=False).returncode == 0,
                   "postgres")
        place.run(home / "pgbench", *login, "-q", "-i", "-s", 2, "postgres", **who)
        bench = place.run(home / "pgbench", *login, "-c", 4, "-j", 2, "-t", 400, "postgres", **who)
        out = b"\n".join(re.findall(rb"number of (?:transactions actually|failed transactions)[^(\n]*", bench)) + b"\n"
        return out + place.run(home / "psql", *login, "-X", "-A", "-f", SCRIPTS / "queries.sql", "postgres", **who)
    finally:
        server.terminate()
        if server.wait(60) != 0:
            raise Broken(f"postgres ended with {server.returncode}: {(place.folder / 'server.log').read_text(errors='replace')[-1500:]}")


def java(place):
    """The certificate store: parsing, digests, a large text, and the collector's and compiler's threads."""
    store = pathlib.Path("/etc/ssl/certs/java/cacerts")
    shutil.copy(store, place.folder / "store")
    out = place.run("keytool", "-list", "-v", "-keystore", "store", "-storepass", "changeit", "-J-Duser.language=en")
    return out + place.run("keytool", "-list", "-rfc", "-keystore", "store", "-storepass", "changeit", "-J-XX:+UseParallelGC")


CASES = [
    Case("python3: list, dict, json, gc", python_test("test_list", "test_dict", "test_json", "test_gc"), (PYTHON,), fast=True,
         sources=("mmap", "sbrk", "file")),
    Case("python3: unicode (str)", python_test("test_unicode"), (PYTHON,)),
    Case("python3: zlib", python_test("test_zlib"), (PYTHON,)),
    Case("python3: sqlite3", python_sqlite, (PYTHON,)),
    Case("python3: threading", python_test("test_threading"), (PYTHON,)),
    Case("python3: multiprocessing (fork)", python_processes("test_multiprocessing_fork"), (PYTHON,)),
    Case("python3: multiprocessing (spawn)", python_processes("test_multiprocessing_spawn"), (PYTHON,)),
    Case("perl", lambda place: place.run("perl", SCRIPTS / "words.pl"), ("perl",), fast=True),
    Case("lua5.4", lambda place: place.run("lua5.4", SCRIPTS / "tables.lua"), ("lua5.4",), fast=True),
    Case("sqlite3", lambda place: place.run("sqlite3", ":memory:", stdin=(SCRIPTS / "tables.sql").read_bytes()), ("sqlite3",),
         fast=True),
    Case("bash, forking", lambda place: place.run("bash", SCRIPTS / "forks.sh"), ("bash",), fast=True),
    Case("git", git, ("git",), fast=True),
    Case("g++", compile_heavy("g++"), ("g++",), fast=True),
    Case("gcc and g++, building loam", build_loam, ("g++", "gcc", "cmake"), sources=("mmap", "sbrk", "file")),
    Case("redis-server", redis, ("redis-server", "redis-cli")),
    Case("node", lambda place: place.run("node", SCRIPTS / "objects.js"), ("node",)),
    Case("java (keytool)", java, ("keytool", "/etc/ssl/certs/java/cacerts")),
    Case("nginx under ab", nginx, ("nginx", "ab")),
    Case("postgres: initdb, pgbench, SQL", postgres, ("/usr/lib/postgresql/15/bin/postgres",)),
]
