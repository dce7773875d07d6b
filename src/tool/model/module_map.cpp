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
    Entry entry{end, "", 0, line.ends_with("[stack]")};
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

std::string ModuleMap::place(std::uint64_t address) const {
  auto entry = entries_.upper_bound(address);
  if (entry == entries_.begin()) return "memory that is not mapped";
  --entry;
  if (entry->second.main_stack) return "the main stack";
  // What a module's data needs beyond its file follows it without a name.
  const auto before = entry == entries_.begin() ? entry : std::prev(entry);
  const bool follows = entry->second.file.empty() && before->second.end == entry->first;
  const Entry& module = follows ? before->second : entry->second;
  if (!module.file.empty()) return fmt::format("data of {}+{:#x}", module.file, address - module.base);
  return "a thread's stack or storage, or a mapping of the program's own";
}

std::string ModuleMap::name(std::uint64_t address) const {
  const auto next = entries_.upper_bound(address);
  if (next == entries_.begin()) return "";
  const Entry& entry = std::prev(next)->second;
  if (address >= entry.end || entry.file.empty()) return "";
  return fmt::format("{}+{:#x}", entry.file, address - entry.base);
}

}  // namespace loam::tool
