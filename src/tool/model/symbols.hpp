// From a place in a module to functions and source lines, by its debug information (libdwfl: its own, a separate file, or a server's where
// DEBUGINFOD_URLS names one), or by its symbols, or
// at least to the file and the offset. Owns the opened modules. Not for sharing between threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace loam::tool {

struct SourceFrame {
  std::string function;  // demangled; empty if unknown
  std::string linkage;   // as the linker calls it
  std::string file;      // empty if unknown
  int line = 0;
  int declared = 0;  // the line on which the function begins, in its own file; 0 if unknown
  std::string module;
  std::uint64_t address = 0;  // in the process
  std::uint64_t offset = 0;   // by the headers of the module's file
  bool inlined = false;       // into the next frame
};

struct SourceModule {
  std::string path;
  std::vector<std::uint8_t> build_id;  // empty if it has none
};

class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // A file, or a folder of files: where a module has been built anew, the file of its build id is taken from there. Throws Failure
  // if it cannot be read.
  void look_in(const std::string& path);

  // The frames at an address, the innermost inlined one first; always at least one. `offset` is the address by the file's own
  // headers. Of a return address, which is all that are not `exact`, the call before it is looked up.
  std::vector<SourceFrame> find(const SourceModule& module, std::uint64_t offset, std::uint64_t address,
                                bool exact = false);

 private:
  struct Module;
  Module& open(const SourceModule& module);
  static std::vector<SourceFrame> look_up(const Module& module, std::uint64_t at, SourceFrame frame);

  std::map<std::pair<std::string, std::vector<std::uint8_t>>, std::unique_ptr<Module>> modules_;
  std::map<std::vector<std::uint8_t>, std::string> elsewhere_;  // files by build id
};

}  // namespace loam::tool
