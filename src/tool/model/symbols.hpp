// From a place in a file to functions and source lines, by the file's own debug information (libdwfl), or by its symbols, or
// at least to the file and the offset. Owns the opened modules. Not for sharing between threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace loam::tool {

struct SourceFrame {
  std::string function;  // demangled; empty if unknown
  std::string file;      // empty if unknown
  int line = 0;
  std::string module;
  std::uint64_t address = 0;  // in the process
  std::uint64_t offset = 0;   // in the module's file
  bool inlined = false;       // into the next frame
};

class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // The frames at a return address, the innermost inlined one first; always at least one. `file_offset` is that of
  // the return address; the call before it is what is looked up.
  std::vector<SourceFrame> find(const std::string& path, std::uint64_t file_offset, std::uint64_t address);

 private:
  struct Module;
  Module& open(const std::string& path);

  std::map<std::string, std::unique_ptr<Module>> modules_;
};

}  // namespace loam::tool
