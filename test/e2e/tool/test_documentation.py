"""What is written about the tool is what the tool says: help, manual page, completions, docs/cli.md."""
import re
import subprocess
import tempfile
import unittest

import support
from support import ROOT, loam


def commands():
    text = loam("--help").stdout
    return re.findall(r"^  ([a-z-]+)  ", text[text.index("Subcommands:"):], re.MULTILINE)


class Help(unittest.TestCase):
    def test_every_command_has_an_example(self):
        self.assertIn("run", commands())
        for command in commands():
            done = loam(command, "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertRegex(done.stdout, rf"Examples?:\n(  .*\n)*?  loam {command}", command)

    def test_only_what_works_is_offered(self):
        self.assertLessEqual(set(commands()), {"run", "check", "stats", "leaks", "replay", "compare", "record", "report", "export", "doctor", "bench"})

    def test_lines_fit(self):
        for command in ["", *commands()]:
            done = loam(*command.split(), "--help")
            for line in done.stdout.splitlines():
                self.assertLessEqual(len(line), 120, line)

    def test_version(self):
        self.assertRegex(loam("--version").stdout, r"^loam \d+\.\d+\.\d+\n$")


class Generated(unittest.TestCase):
    def test_tables_of_the_command_line_page(self):
        page = (ROOT / "docs/cli.md").read_text()
        self.assertIn(loam("--generate", "markdown").stdout.strip(), page,
                      "docs/cli.md is out of date: run docs/refresh-cli.sh")

    def test_bash_completion_works(self):
        holder = tempfile.NamedTemporaryFile("w", suffix=".bash")
        self.addCleanup(holder.close)
        holder.write(loam("--generate", "bash").stdout)
        holder.flush()
        script = holder.name

        def complete(*words):
            line = " ".join(f"'{word}'" for word in words)
            code = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _loam; echo \"${{COMPREPLY[*]}}\""
            done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
            self.assertEqual(done.stderr, "")
            return done.stdout.split()

        self.assertEqual(complete("loam", "do"), ["doctor"])
        self.assertEqual(complete("loam", "run", "--so"), ["--source"])
        self.assertEqual(complete("loam", "run", "--source", "s"), ["sbrk"])
        self.assertEqual(complete("loam", "stats", "--format", "j"), ["json"])

    def test_every_user_option_is_a_flag_and_documented(self):
        """The option table is the source; a row that were forgotten anywhere would be missing here."""
        table = (ROOT / "src/options/options.hpp").read_text()
        rows = re.findall(r"\{Key::k\w+,\s+\"(\w+)\",\s+Type::(\w+),\s+Audience::(\w+),\s+\"[^\"]*\",\s+(\"\w*\"|nullptr)", table)
        self.assertGreaterEqual(len(rows), 9)
        help_text = loam("run", "--help").stdout
        man = loam("--generate", "man").stdout
        for name, kind, audience, fallback in rows:
            if audience == "kUser":
                on = kind == "kSwitch" and fallback == '"1"'  # a flag turns such a switch off
                self.assertRegex(help_text, rf"\n  --{'no-' if on else ''}{name.replace('_', '-')} ")
            self.assertIn(name + "=", man.replace("\\-", "-"))


    def test_other_shells(self):
        for command in commands():
            self.assertIn(f"    {command})\n", loam("--generate", "zsh").stdout)
            self.assertIn(f"-a {command} ", loam("--generate", "fish").stdout)


class Manual(unittest.TestCase):
    def test_shape(self):
        text = loam("--generate", "man").stdout
        headings = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
        self.assertEqual(headings, ["NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "ENVIRONMENT", "NOTES"])
        for line in text.splitlines():
            if line.startswith("."):
                self.assertRegex(line, r"^\.(TH|SH|SS|TP|B|PP|nf|fi|br|RS|RE)\b")


if __name__ == "__main__":
    support.main()
