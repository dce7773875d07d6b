// Which file a command line would run, and whether loam can serve it: said before anything is started.
#pragma once

#include <string>
#include <vector>

namespace loam::tool {

struct Program {
  std::string path;   // of the file named on the command line
  std::string image;  // of the ELF file that the kernel will start: `path`, or the interpreter of a script
  std::vector<std::string> warnings;
};

// Finds the program as execvp would, follows `#!` lines, and checks the ELF file at the end. Throws Failure:
// 127 not found, 126 not executable, 125 a program that a preloaded malloc cannot serve.
Program resolve_program(const std::string& name);

// The file that `name` means, by PATH if it has no slash. Throws Failure with 127 or 126.
std::string find_program(const std::string& name);

// libloam.so beside the tool, in the build tree or installed; `given`, if not empty, instead. Throws Failure.
std::string find_library(const std::string& given);

// What LD_PRELOAD must be for the libraries to stand in front of what is preloaded already.
std::string before_preloaded(const std::string& libraries);

}  // namespace loam::tool
