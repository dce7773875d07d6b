"""The installed tree: `cmake --install` into a folder of its own, programs built against it by pkg-config and by
find_package, shared and static, the tool run from there, headers that stand alone."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

import house

BUILD = os.environ.get("LOAM_BUILD_DIR", os.path.join(house.ROOT, "build"))

# Prints which file serves malloc in this process.
PROGRAM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <loam/loam.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  Dl_info where;
  void* block = malloc(100);
  if (block == NULL || dladdr(dlsym(RTLD_DEFAULT, "malloc"), &where) == 0) return 1;
  free(block);
  puts(where.dli_fname);
  return 0;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(loam 0.1 CONFIG REQUIRED)
add_executable(user-shared user.c)
target_link_libraries(user-shared PRIVATE loam::loam ${CMAKE_DL_LIBS})
add_executable(user-static user.c)
target_link_libraries(user-static PRIVATE loam::static ${CMAKE_DL_LIBS})
# dlsym finds only what an executable exports.
set_target_properties(user-static PROPERTIES ENABLE_EXPORTS ON)
"""


def run(*command, **more):
    """Standard output of a command; what it printed is in the error if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


class Installed(unittest.TestCase):
    """One installation for all tests, moved after it was made: nothing may remember where it was made."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="loam-install-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        first = os.path.join(cls.folder, "first")
        run("cmake", "--install", BUILD, "--prefix", first)
        cls.prefix = os.path.join(cls.folder, "moved")
        os.rename(first, cls.prefix)
        cls.library = cls.find("lib*/**/libloam.so")
        cls.environment = {**os.environ, "LD_LIBRARY_PATH": os.path.dirname(cls.library)}
        cls.environment.pop("LD_PRELOAD", None)
        cls.source = os.path.join(cls.folder, "user.c")
        with open(cls.source, "w", encoding="utf-8") as stream:
            stream.write(PROGRAM)

    @classmethod
    def find(cls, pattern):
        found = glob.glob(os.path.join(cls.prefix, pattern), recursive=True)
        if len(found) != 1:
            raise AssertionError(f"{pattern}: {found}")
        return found[0]

    def test_files(self):
        for pattern in ("bin/loam", "include/loam/loam.h", "lib*/**/libloam.so", "lib*/**/libloam.so.0", "lib*/**/libloam.a",
                        "lib*/**/pkgconfig/loam.pc", "lib*/**/cmake/loam/loam-config.cmake", "share/man/man1/loam.1",
                        "share/doc/loam/LICENSE", "share/bash-completion/completions/loam"):
            self.find(pattern)

    def test_nothing_else(self):
        allowed = ("bin/loam", "include/loam/", "lib", "share/man/man1/loam", "share/doc/loam/", "share/bash-completion/",
                   "share/zsh/", "share/fish/", "share/loam/bench/", "libexec/loam/")
        extra = [path for path in house.files(".", suffixes=("",), root=self.prefix)
                 if not os.path.normpath(path).startswith(allowed)]
        self.assertEqual(extra, [])

    def build_by_pkg_config(self, *flags):
        environment = {**self.environment, "PKG_CONFIG_PATH": os.path.dirname(self.find("lib*/**/loam.pc"))}
        options = run("pkg-config", "--cflags", "--libs", "loam", env=environment).split()
        program = os.path.join(self.folder, "by-pkg-config")
        run("cc", "-Wall", "-Werror", *flags, self.source, "-o", program, *options, "-ldl", env=environment)
        return program

    def test_pkg_config(self):
        served = run(self.build_by_pkg_config(), env=self.environment).strip()
        self.assertEqual(os.path.realpath(served), os.path.realpath(self.library))

    def test_without_it_libc_serves(self):
        """The negative of the tests around: the program tells when it is not loam that serves."""
        plain = os.path.join(self.folder, "plain")
        run("cc", self.source, "-I", os.path.join(self.prefix, "include"), "-o", plain, "-ldl")
        self.assertIn("libc.so", run(plain, env=self.environment))

    def test_find_package(self):
        project = os.path.join(self.folder, "project")
        os.makedirs(project)
        shutil.copy(self.source, project)
        with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as stream:
            stream.write(PROJECT)
        tree = os.path.join(project, "tree")
        run("cmake", "-S", project, "-B", tree, f"-DCMAKE_PREFIX_PATH={self.prefix}", env=self.environment)
        run("cmake", "--build", tree, env=self.environment)
        shared = run(os.path.join(tree, "user-shared"), env=self.environment).strip()
        self.assertEqual(os.path.realpath(shared), os.path.realpath(self.library))
        static = run(os.path.join(tree, "user-static"), env=self.environment).strip()
        self.assertEqual(os.path.basename(static), "user-static")

    def test_tool_finds_its_library(self):
        program = os.path.join(self.folder, "plain-under-loam")
        run("cc", self.source, "-I", os.path.join(self.prefix, "include"), "-o", program, "-ldl")
        environment = {key: value for key, value in self.environment.items() if key != "LD_LIBRARY_PATH"}
        served = run(os.path.join(self.prefix, "bin", "loam"), "run", "--", program, env=environment).strip()
        self.assertEqual(os.path.realpath(served), os.path.realpath(self.library))

    def test_headers_stand_alone(self):
        for path in house.files("include", root=self.prefix):
            name = os.path.relpath(path, "include")
            languages = [("c++", "-std=c++20")] + ([("c", "-std=c11")] if name.endswith(".h") else [])
            for language, standard in languages:
                run("cc", "-x", language, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                    "-I", os.path.join(self.prefix, "include"), "-", input=f"#include <{name}>\n")

    def test_man_page(self):
        text = house.read(self.find("share/man/man1/loam.1"), root="/")
        self.assertIn("LOAM_OPTIONS", text)


if __name__ == "__main__":
    unittest.main()
