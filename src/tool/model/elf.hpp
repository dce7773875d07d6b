// What an ELF file tells about itself without being run: enough to know whether a preloaded malloc can serve
// it.
//
// The file may be anything at all: every offset is checked against its size before it is followed.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace loam::tool {

struct ElfFacts {
  unsigned char file_class = 0;  // ELFCLASS32, ELFCLASS64
  unsigned char byte_order = 0;
  unsigned machine = 0;
  unsigned type = 0;
  // The rest is read for files of the tool's own class and byte order only.
  bool has_interpreter = false;
  std::string interpreter;
  std::string soname;
  std::vector<std::string> needed;
  // Functions of the malloc family that the file itself defines and exports: a preloaded library comes after
  // them.
  std::vector<std::string> exported_malloc;
  // Allocators that are linked in under names which no preloaded library can take over.
  std::vector<std::string> private_malloc;
};

// Nothing if the file cannot be read or is no ELF file.
std::optional<ElfFacts> read_elf(const std::string& path);

// "64-bit x86-64" for messages.
std::string architecture(const ElfFacts& facts);

bool same_architecture(const ElfFacts& a, const ElfFacts& b);

}  // namespace loam::tool
