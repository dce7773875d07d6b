"""`loam check` from outside: formats, exit statuses, suppressions, leaks, what happens where it cannot watch."""
import json
import pathlib
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
  }
  return 0;
}
"""


def findings(done):
    return json.loads(done.stdout or done.stderr[done.stderr.index("{"):])["findings"]


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

    def test_all_is_at_least_definite(self):
        self.assertGreaterEqual(len(self.report("leak", options=("--leaks", "all"))), 3)

    def test_not_after_a_signal(self):
        self.assertEqual([finding["kind"] for finding in self.report("leak", "twice")], ["double-free"])


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
        run, = json.loads(done.stderr[done.stderr.index("{"):])["runs"]
        rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
        self.assertEqual(len(run["results"]), 3)
        for result in run["results"]:
            self.assertIn(result["ruleId"], rules)
            where = result["locations"][0]["physicalLocation"]
            self.assertTrue(where["artifactLocation"]["uri"].startswith("file:///"))
            self.assertGreater(where["region"]["startLine"], 0)

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
