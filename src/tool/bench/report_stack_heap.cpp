#include <fmt/format.h>

#include <functional>
#include <set>

#include "tool/bench/report.hpp"

namespace loam::tool::bench {
namespace {

struct Column {
  std::string title;
  std::string placement;
  std::size_t contestant;
};

// The stack does not depend on who serves malloc, an arena hardly: their columns come from the first contestant's process.
std::vector<Column> columns_of(const StackHeap& result) {
  std::vector<Column> columns{{"array", "array", 0}, {"alloca", "alloca", 0}, {"arena", "arena", 0}};
  for (std::size_t i = 0; i < result.contestants.size(); ++i) {
    columns.push_back({result.contestants[i], "malloc", i});
  }
  return columns;
}

const StackHeapCell* find(const StackHeap& result, const Column& column, const StackHeapCell& like) {
  for (const StackHeapCell& cell : result.cells[column.contestant]) {
    if (cell.placement == column.placement && cell.lifetime == like.lifetime && cell.size == like.size)
      return &cell;
  }
  return nullptr;
}

// The sizes of an impossible lifetime need no line each.
std::string describe(const StackHeapCell& cell) {
  return cell.lifetime == "outliving" ? cell.lifetime : fmt::format("{} {}", cell.lifetime, cell.size);
}

using Show = std::function<std::string(const StackHeapCell&)>;

std::string table(const StackHeap& result, const std::string& title, const Show& show) {
  const auto columns = columns_of(result);
  std::string text = fmt::format("\n{}\n{:<10} {:>9}", title, "lifetime", "bytes");
  for (const Column& column : columns) text += fmt::format(" {:>11}", column.title);
  text += "\n";
  for (const StackHeapCell& like : result.cells[0]) {
    if (like.placement != "malloc") continue;
    text += fmt::format("{:<10} {:>9}", like.lifetime, like.size);
    for (const Column& column : columns) {
      const StackHeapCell* cell = find(result, column, like);
      text += fmt::format(" {:>11}", cell == nullptr || !cell->reason.empty() ? "-" : show(*cell));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string stack_heap_text(const StackHeap& result) {
  std::string text = fmt::format(
      "loam bench stack-heap: {}\n"
      "Every cache line of an object is written. call: one object a call; nested: sixteen in nested calls; "
      "outliving:\n"
      "sixteen that live on after the function that made them returned, freed oldest first.\n",
      machine_line());
  text += table(result, "Nanoseconds for an object",
                [](const StackHeapCell& cell) { return fmt::format("{:.1f}", cell.nanoseconds); });
  text += table(result, "Minor page faults for a thousand objects",
                [](const StackHeapCell& cell) { return fmt::format("{:.2f}", cell.minor_faults); });
  text += table(result, "Kernel calls for memory for a thousand objects (brk, mmap, munmap, mremap, madvise)",
                [](const StackHeapCell& cell) { return fmt::format("{:.2f}", cell.kernel_calls); });
  text += table(
      result, "Bytes from one object to the next, in the mean, in a heap that was used before",
      [](const StackHeapCell& cell) { return cell.stride ? fmt::format("{:.0f}", *cell.stride) : "-"; });
  std::set<std::string> reasons;
  bool has_misses = false;
  for (const auto& cells : result.cells) {
    for (const StackHeapCell& cell : cells) {
      has_misses = has_misses || cell.cache_misses;
      if (!cell.reason.empty())
        reasons.insert(fmt::format("{} {}: {}", cell.placement, describe(cell), cell.reason));
      if (cell.reason.empty() && !cell.cache_misses) reasons.insert("cache misses: " + cell.cache_reason);
    }
  }
  if (has_misses) {
    text += table(result, "Cache misses for a thousand objects", [](const StackHeapCell& cell) {
      return cell.cache_misses ? fmt::format("{:.1f}", *cell.cache_misses) : "-";
    });
  }
  text += "\nNot measured:\n";
  for (const std::string& reason : reasons) text += "  " + reason + "\n";
  return text;
}

}  // namespace loam::tool::bench
