#include <fmt/format.h>

#include "tool/model/files.hpp"
#include "tool/model/leak_report.hpp"

namespace loam::tool {

// Lines like "7f12a000-7f12b000 r--p 00001000 fe:00 1234   /usr/lib/libfoo.so".
ModuleMap ModuleMap::of_text(const std::string& text) {
  ModuleMap map;
  std::map<std::string, std::uint64_t> bases;
  for (const std::string& line : split(text, '\n')) {
    unsigned long long start = 0;
    unsigned long long end = 0;
    unsigned long long offset = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx %*s %llx", &start, &end, &offset) != 3) continue;
    Entry entry{end, "", 0};
    const std::size_t path = line.find('/');
    if (path != std::string::npos) {
      const std::string file = line.substr(path);
      if (offset == 0) bases[file] = start;
      entry.file = file.substr(file.rfind('/') + 1);
      entry.base = bases.count(file) != 0 ? bases[file] : start - offset;
    }
    map.entries_[start] = entry;
  }
  return map;
}

ModuleMap ModuleMap::of_process(std::uint64_t pid) {
  return of_text(read_file(fmt::format("/proc/{}/maps", pid), std::size_t{1} << 28).value_or(""));
}

bool ModuleMap::is_mapped(std::uint64_t address) const {
  const auto next = entries_.upper_bound(address);
  return next != entries_.begin() && address < std::prev(next)->second.end;
}

std::string ModuleMap::name(std::uint64_t address) const {
  const auto next = entries_.upper_bound(address);
  if (next == entries_.begin()) return "";
  const Entry& entry = std::prev(next)->second;
  if (address >= entry.end || entry.file.empty()) return "";
  return fmt::format("{}+{:#x}", entry.file, address - entry.base);
}

}  // namespace loam::tool
