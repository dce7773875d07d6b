"""`loam check` from outside: formats, exit statuses, suppressions, leaks, what happens where it cannot watch."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import support
from support import loam

SOURCE = r"""
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) void* lose(size_t size) { char* block = malloc(size); block[0] = 1; return block; }
__attribute__((noinline)) void parser_init(void) { lose(40); }
__attribute__((noinline)) void cache_fill(void) { lose(500); lose(500); }
__attribute__((noinline)) void twice(void) { char* block = malloc(24); free(block); free(block); }
__attribute__((noinline)) void late(void) { char* block = malloc(33); free(block); block[1] = 'x'; }
int main(int count, char** words) {
  for (int i = 1; i < count; ++i) {
    if (strcmp(words[i], "leak") == 0) { parser_init(); cache_fill(); }
    if (strcmp(words[i], "twice") == 0) twice();
    if (strcmp(words[i], "late") == 0) late();
    if (strcmp(words[i], "seven") == 0) exit(7);
    if (strcmp(words[i], "wild") == 0) *(volatile int*)8 = 1;
    if (strcmp(words[i], "sizes") == 0) for (int size = 1; size < 42; ++size) lose(size);
  }
  return 0;
}
"""

# Executes `static` by one of the functions there are; each must answer as it does alone.
WAYS = r"""
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
extern char** environ;
int main(int count, char** words) {
  char* list[] = {"static", NULL};
  int status = 1, child = 0, way = atoi(words[1]);
  if (way >= 7) {
    if (way == 7) posix_spawn(&child, "./static", NULL, NULL, list, environ);
    if (way == 8) posix_spawnp(&child, "static", NULL, NULL, list, environ);
  } else if ((child = fork()) == 0) {
    if (way == 0) execve("./static", list, environ);
    if (way == 1) execv("./static", list);
    if (way == 2) execvp("static", list);
    if (way == 3) execvpe("static", list, environ);
    if (way == 4) execl("./static", "static", "a", "b", NULL);
    if (way == 5) execlp("static", "static", NULL);
    if (way == 6) execle("./static", "static", "a", NULL, environ);
    _exit(9);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 8;
}
"""


def findings(done):
    return json.loads(done.stdout or done.stderr[done.stderr.index("{"):])["findings"]


# Of SARIF 2.1.0 what the reports use: object -> members that it must have, and what each may be. A list stands for many of one.
SARIF = {
    "log": ({"version", "runs"}, {"$schema": str, "version": {"2.1.0"}, "runs": ["run"]}),
    "run": ({"tool"}, {"tool": "tool", "results": ["result"]}),
    "tool": ({"driver"}, {"driver": "component"}),
    "component": ({"name"}, {"name": str, "version": str, "rules": ["rule"]}),
    "rule": ({"id"}, {"id": str, "shortDescription": "message"}),
    "message": ({"text"}, {"text": str}),
    "result": ({"message"}, {"ruleId": str, "level": {"none", "note", "warning", "error"}, "message": "message",
                             "locations": ["location"], "relatedLocations": ["location"], "occurrenceCount": int}),
    "location": (set(), {"physicalLocation": "physical", "logicalLocations": ["logical"], "message": "message"}),
    "physical": ({"artifactLocation"}, {"artifactLocation": "artifact", "region": "region"}),
    "artifact": ({"uri"}, {"uri": str}),
    "region": ({"startLine"}, {"startLine": int}),
    "logical": ({"fullyQualifiedName"}, {"fullyQualifiedName": str}),
}


def sarif_faults(value, kind, path=""):
    """What in a value is not as SARIF wants it, as a list of sentences."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [fault for i, one in enumerate(value) for fault in sarif_faults(one, kind[0], f"{path}/{i}")]
    if isinstance(kind, set):
        return [] if value in kind else [f"{path} is {value}"]
    if not isinstance(kind, str):
        return [] if isinstance(value, kind) and value != 0 else [f"{path} is {value!r}"]
    required, members = SARIF[kind]
    faults = [f"{path} has no {name}" for name in sorted(required - set(value))]
    for name, member in value.items():
        faults += sarif_faults(member, members[name], f"{path}/{name}") if name in members else [f"{path} has {name}"]
    return faults


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        source = pathlib.Path(cls.folder.name) / "sample.c"
        source.write_text(SOURCE)
        cls.program = str(source.with_suffix(""))
        subprocess.run(["cc", "-g", "-O0", "-fno-builtin", "-w", str(source), "-o", cls.program], check=True)

    def check(self, *words, options=()):
        return loam("check", *options, "--", self.program, *words)

    def report(self, *words, options=()):
        return findings(self.check(*words, options=("--format", "json", *options)))

    def shell(self, script, *options):
        """A check of the shell that runs the script, with the program as $P and the tool's test programs in $T."""
        env = support.plain_environment(P=self.program, T=support.PROGRAMS)
        return loam("check", *options, "--", "/bin/sh", "-c", script, env=env, cwd=self.folder.name)

    def suppressed(self, text, *words):
        with tempfile.NamedTemporaryFile("w", suffix=".supp") as file:
            file.write(text)
            file.flush()
            return self.report(*words, options=("--suppressions", file.name))


class Statuses(Case):
    def test_clean_passes_the_programs_status_on(self):
        self.assertEqual(self.check().returncode, 0)
        self.assertEqual(self.check("seven").returncode, 7)
        self.assertIn("no findings", self.check().stderr)

    def test_findings_decide_the_status(self):
        self.assertEqual(self.check("leak", "seven").returncode, 99)
        self.assertEqual(self.check("leak", options=("--exit-code", "3")).returncode, 3)
        self.assertEqual(self.check("twice", options=("--exit-code", "0")).returncode, 0)

    def test_usage(self):
        self.assertEqual(loam("check").returncode, 2)
        self.assertEqual(self.check(options=("--leaks", "some")).returncode, 2)
        self.assertEqual(self.check(options=("--thorough", "--full")).returncode, 2)
        self.assertEqual(self.check(options=("--suppressions", "/nowhere")).returncode, 2)
        self.assertEqual(loam("check", "--", "/nowhere").returncode, 127)

    def test_keep_going(self):
        stopped = self.check("twice", "seven", options=("--format", "json"))
        self.assertEqual(json.loads(stopped.stderr[stopped.stderr.index("{"):])["status"], {"signal": signal.SIGABRT})
        gone_on = self.check("twice", "late", "seven", options=("--format", "json", "--keep-going"))
        self.assertEqual(json.loads(gone_on.stderr[gone_on.stderr.index("{"):])["status"], {"exit": 7})
        self.assertEqual([finding["kind"] for finding in findings(gone_on)], ["double-free", "use-after-free"])


    def test_what_was_watched_until_a_fault_of_its_own(self):
        done = self.check("sizes", "wild", options=("--format", "json"))
        report = json.loads(done.stderr[done.stderr.index("{"):])
        self.assertEqual((report["status"], report["findings"]), ({"signal": signal.SIGSEGV}, []))
        self.assertGreaterEqual(report["summary"]["blocks"], 41)


class Leaks(Case):
    def test_grouped_by_stack_and_biggest_first(self):
        found = self.report("leak")
        self.assertEqual([(finding["class"], finding["bytes"], finding["blocks"]) for finding in found],
                         [("definite", 500, 1), ("definite", 500, 1), ("definite", 40, 1)])
        names = [[frame["function"] for frame in finding["stacks"][0]["frames"]][:3] for finding in found]
        self.assertEqual(sorted(names), [["lose", "cache_fill", "main"]] * 2 + [["lose", "parser_init", "main"]])

    def test_not_asked_for(self):
        done = self.check("leak", options=("--leaks", "no"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("leaks were not looked for", done.stderr)

    def test_of_the_size_that_was_asked_for(self):
        """Also where it is no whole number of words, and the block stands against a guard page."""
        for options in ((), ("--full",)):
            found = self.report("sizes", options=options)
            self.assertEqual([(finding["bytes"], finding["blocks"]) for finding in found], [(sum(range(1, 42)), 41)])

    def test_all_is_at_least_definite(self):
        self.assertGreaterEqual(len(self.report("leak", options=("--leaks", "all"))), 3)

    def test_not_after_a_signal(self):
        self.assertEqual([finding["kind"] for finding in self.report("leak", "twice")], ["double-free"])


class Processes(Case):
    def test_the_same_in_several_is_one(self):
        done = self.shell("$P leak; $P late; $P leak", "--format", "json")
        self.assertEqual([(finding["kind"], finding["bytes"], finding["blocks"], finding["times"], finding["processes"])
                          for finding in findings(done)],
                         [("use-after-free", 33, 1, 1, 1), ("leak", 1000, 2, 1, 2), ("leak", 1000, 2, 1, 2),
                          ("leak", 80, 2, 1, 2)])
        done = self.shell("$P twice; $P; $P twice", "--format", "json")
        self.assertEqual([(finding["kind"], finding["times"], finding["processes"]) for finding in findings(done)],
                         [("double-free", 2, 2)])

    def test_the_text_says_in_how_many(self):
        self.assertIn("  met in 2 processes\n", self.shell("$P leak; $P leak").stderr)
        self.assertIn("  met 2 times in 2 processes\n", self.shell("$P late; $P late").stderr)
        self.assertNotIn("processes\n", self.check("leak").stderr)


class Unwatched(Case):
    """What cannot be watched is said: of the program before it runs, of what it executes in the report."""

    def test_the_program_itself(self):
        for name, reason in (("static", "statically linked"), ("exporting", "itself defines malloc")):
            done = loam("check", "--", support.PROGRAMS / name)
            self.assertEqual(done.returncode, 125)
            self.assertIn(reason, done.stderr)

    def test_what_it_executes(self):
        done = self.shell("$T/static; $T/exporting; $T/linking; ./sample; $T/static; nowhere; $T/plain", "--format", "json")
        summary = json.loads(done.stderr[done.stderr.index("{"):])["summary"]
        self.assertEqual([line.split("'")[1].rsplit("/", 1)[1] for line in summary["not_watched"]], ["static", "exporting"])
        self.assertEqual([line.split("'")[1].rsplit("/", 1)[1] for line in summary["notes"]], ["linking"])
        text = self.shell("$T/static").stderr
        self.assertRegex(text, r"\n  not watched: cannot serve '\S+/static': it is statically linked")

    def test_by_any_way(self):
        source = pathlib.Path(self.folder.name) / "ways.c"
        source.write_text(WAYS)
        program = source.with_suffix("")
        subprocess.run(["cc", "-w", str(source), "-o", str(program)], check=True)
        (pathlib.Path(self.folder.name) / "static").unlink(missing_ok=True)
        (pathlib.Path(self.folder.name) / "static").symlink_to(support.PROGRAMS / "static")
        env = support.plain_environment(PATH=f"{self.folder.name}:/usr/bin:/bin")
        for way in range(9):
            done = loam("check", "--format", "json", "--", program, way, env=env, cwd=self.folder.name)
            self.assertEqual(done.returncode, 0, (way, done.stderr))
            summary = json.loads(done.stderr[done.stderr.index("{"):])["summary"]
            self.assertEqual(len(summary["not_watched"]), 1, way)

    def test_privileged(self):
        path = pathlib.Path(self.folder.name) / "privileged"
        shutil.copy("/bin/true", path)
        if os.getuid() == 0:
            os.chown(path, 65534, 0)
            path.chmod(0o4755)
        else:
            path = pathlib.Path("/bin/su")
        self.assertEqual(loam("check", "--", path).returncode, 125)
        self.assertIn("it is setuid", self.shell(f"{path} --version > /dev/null; exit 0").stderr)


class Suppressions(Case):
    def test_own_lines(self):
        self.assertEqual(len(self.suppressed("leak:parser_init\n", "leak")), 2)
        self.assertEqual(self.suppressed("# all of it\n*:*sample*\n", "leak"), [])
        self.assertEqual(len(self.suppressed("double-free:cache_fill\n", "leak")), 3)

    def test_valgrinds(self):
        text = "{\n  a name\n  Memcheck:Leak\n  match-leak-kinds: definite\n  fun:malloc\n  fun:lose\n  fun:%s\n  ...\n}\n"
        self.assertEqual(len(self.suppressed(text % "cache_fill", "leak")), 1)
        self.assertEqual(len(self.suppressed(text % "c*_fill", "leak")), 1)
        self.assertEqual(len(self.suppressed(text % "main", "leak")), 3)

    def test_what_is_no_suppression(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("nonsense\n")
            file.flush()
            self.assertEqual(self.check(options=("--suppressions", file.name)).returncode, 2)


class Formats(Case):
    def test_json(self):
        finding, = self.report("twice")
        self.assertEqual([stack["role"] for stack in finding["stacks"]], ["access", "allocation", "free"])
        for stack in finding["stacks"]:
            self.assertEqual([frame["function"] for frame in stack["frames"]][:2], ["twice", "main"])
            self.assertTrue(stack["frames"][0]["file"].endswith("sample.c"))

    def test_sarif(self):
        done = self.check("leak", options=("--format", "sarif"))
        log = json.loads(done.stderr[done.stderr.index("{"):])
        self.assertEqual(sarif_faults(log, "log"), [])
        run, = log["runs"]
        rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
        self.assertEqual(len(run["results"]), 3)
        for result in run["results"]:
            self.assertIn(result["ruleId"], rules)
            where = result["locations"][0]["physicalLocation"]
            self.assertTrue(where["artifactLocation"]["uri"].startswith("file:///"))
            self.assertGreater(where["region"]["startLine"], 0)

    def test_sarif_of_nothing_and_of_several(self):
        for words in ((), ("twice",), ("leak", "late")):
            done = self.check(*words, options=("--format", "sarif"))
            self.assertEqual(sarif_faults(json.loads(done.stderr[done.stderr.index("{"):]), "log"), [])

    def test_what_is_no_sarif(self):
        def log(**result):
            return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "loam"}}, "results": [result]}]}
        self.assertEqual(sarif_faults(log(message={"text": "x"}), "log"), [])
        for bad in (log(), log(message={"text": 5}), log(message={"text": "x"}, level="terrible"), {"runs": []},
                    log(message={"text": "x"}, locations={}), log(message={"text": "x"}, advice="none"),
                    log(message={"text": "x"}, locations=[{"physicalLocation": {"region": {"startLine": 0}}}])):
            self.assertNotEqual(sarif_faults(bad, "log"), [])

    def test_junit(self):
        for words, failures in (((), 0), (("leak",), 3)):
            done = self.check(*words, options=("--format", "junit"))
            suite = xml.etree.ElementTree.fromstring(done.stderr[done.stderr.index("<testsuite"):])
            self.assertEqual(int(suite.get("failures")), failures)
            self.assertEqual(len(suite.findall(".//failure")), failures)

    def test_output_goes_to_the_file_alone(self):
        with tempfile.NamedTemporaryFile("r") as file:
            done = self.check("leak", options=("--format", "json", "--output", file.name))
            self.assertEqual(len(json.load(file)["findings"]), 3)
            self.assertNotIn("findings", done.stderr)


if __name__ == "__main__":
    support.main()
