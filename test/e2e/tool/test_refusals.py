"""Where loam cannot serve a program it says so before it starts it."""
import os
import pathlib
import shutil
import stat
import struct
import tempfile
import unittest

import support
from support import PROGRAMS, loam, run_fake

NOBODY = 65534


class Refusals(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.folder.chmod(0o755)

    def refused(self, status, message, *command):
        done = run_fake(*command)
        self.assertEqual(done.returncode, status, done)
        self.assertIn(message, done.stderr)
        self.assertTrue(done.stderr.startswith("loam: "), done.stderr)
        self.assertEqual(done.stdout, "")

    def script(self, text, mode=0o755):
        path = self.folder / "a-script"
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_not_found(self):
        self.refused(127, "no such program in PATH", "no-such-program-at-all")
        self.refused(127, "No such file or directory", "/no/such/program")
        self.refused(127, "empty program name", "")

    def test_not_executable(self):
        self.refused(126, "Permission denied", self.script("#!/bin/sh\n", 0o644))
        self.refused(126, "it is a directory", self.folder)
        self.refused(126, "it is empty", self.script(""))

    def test_path_prefers_an_executable_file(self):
        self.script("#!/bin/sh\n", 0o644)
        env = support.plain_environment(PATH=f"{self.folder}:/usr/bin:/bin")
        self.assertEqual(run_fake("a-script", env=env).returncode, 126)
        other = self.folder / "second"
        other.mkdir()
        shutil.copy("/bin/true", other / "a-script")
        env["PATH"] = f"{self.folder}:{other}"
        self.assertEqual(run_fake("a-script", env=env).returncode, 0)

    def test_static(self):
        self.refused(125, "it is statically linked", PROGRAMS / "static")

    def test_sanitizer(self):
        self.refused(125, "it is built with AddressSanitizer (libasan.so.8)", PROGRAMS / "sanitized")

    def test_program_with_its_own_malloc(self):
        self.refused(125, "the executable itself defines malloc", PROGRAMS / "exporting")

    def test_other_architecture(self):
        image = bytearray(pathlib.Path("/bin/true").read_bytes())
        struct.pack_into("<H", image, 18, 243)  # RISC-V
        path = self.folder / "foreign"
        path.write_bytes(image)
        path.chmod(0o755)
        self.refused(125, "it is a 64-bit RISC-V program", path)
        image[4] = 1
        struct.pack_into("<H", image, 18, 3)
        path.write_bytes(image)
        self.refused(125, "it is a 32-bit x86 program", path)

    def test_setuid_and_setgid(self):
        if os.getuid() == 0:
            path = self.folder / "privileged"
            shutil.copy("/bin/true", path)
            os.chown(path, NOBODY, 0)
            path.chmod(0o4755)
            self.refused(125, "it is setuid (to user 65534)", path)
            os.chown(path, 0, NOBODY)
            path.chmod(0o2755)
            self.refused(125, "it is setgid (to group 65534)", path)
            path.chmod(0o4755)
            self.assertEqual(run_fake(path).returncode, 0, "setuid to oneself gains nothing")
        else:
            self.refused(125, "it is setuid (to user 0)", "/bin/su")
            self.assertTrue(os.stat("/bin/su").st_mode & stat.S_ISUID)

    def test_scripts_are_judged_by_their_interpreter(self):
        self.refused(125, "it is statically linked", self.script(f"#! {PROGRAMS}/static\n"))
        self.refused(126, "interpreter does not run", self.script("#!/no/such/interpreter\n"))
        self.assertEqual(run_fake(self.script("#!/usr/bin/env sh\nexit 7\n")).returncode, 7)
        self.assertEqual(run_fake(self.script("#!/usr/bin/env -S sh -e\nexit 8\n")).returncode, 8)
        self.assertEqual(run_fake(self.script("exit 9\n")).returncode, 9, "without #! the shell runs it")
        looping = self.script("")
        looping.write_text(f"#!{looping}\n")
        self.refused(126, "too many scripts", looping)

    def test_truncated_and_damaged_programs(self):
        image = pathlib.Path("/bin/true").read_bytes()
        path = self.folder / "damaged"
        for size in (4, 20, 64, 65, 200):
            path.write_bytes(image[:size])
            path.chmod(0o755)
            self.assertIn(run_fake(path).returncode, (125, 126, 127), f"{size} bytes")

    def test_library(self):
        done = loam("run", "--library", "/no/such/libloam.so", "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("cannot find libloam.so: tried /no/such/libloam.so", done.stderr)
        spaced = self.folder / "with space.so"
        shutil.copy(support.FAKE, spaced)
        done = loam("run", "--library", spaced, "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("no way to name a path with a space or a colon", done.stderr)

    def test_warnings(self):
        done = run_fake(PROGRAMS / "linking")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("warning: ", done.stderr)
        self.assertIn("links jemalloc (libjemalloc.so.2)", done.stderr)
        done = run_fake(PROGRAMS / "private")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("contains an allocator of its own (je_malloc)", done.stderr)
        done = run_fake(PROGRAMS / "plain")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    support.main()
