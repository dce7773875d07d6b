#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "format/counter_names.hpp"
#include "tool/render/record.hpp"

namespace loam::tool {
namespace {

using format::Counter;
using format::Group;
using format::index_of;
using format::kCountOf;
using format::KernelCall;
using format::Level;
using format::Word;

constexpr std::size_t kTopClasses = 10;
constexpr std::size_t kTopStranded = 5;

double as_double(std::uint64_t number) { return static_cast<double>(number); }

std::string bytes_or_dash(const std::optional<std::uint64_t>& bytes) {
  return bytes ? human_bytes(*bytes) : "-";
}

std::string heading(const Palette& palette, const std::string& text) {
  return "  " + palette.paint(Style::kBold, text) + "\n";
}

std::string missing(const Palette& palette, const std::string& what, const std::string& reason) {
  return "  " + palette.paint(Style::kDim, fmt::format("{}: not known: {}", what, reason)) + "\n";
}

std::string symbols_line(const Record& record) {
  std::string out;
  for (std::size_t i = 0; i < kCountOf<format::Symbol>; ++i) {
    const std::uint64_t count = value(record.slot->symbols[i]);
    if (count == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", format::kSymbolNames[i], with_thousands(count));
  }
  return out.empty() ? "none" : out;
}

std::string levels_line(const Record& record) {
  std::uint64_t all = 0;
  for (const Word& word : record.slot->levels) all += value(word);
  if (all == 0) return {};
  std::string out;
  for (std::size_t i = 0; i < kCountOf<Level>; ++i) {
    const double share = 100 * as_double(value(record.slot->levels[i])) / as_double(all);
    out += fmt::format("{}{} {:.3f} %", out.empty() ? "" : ", ", format::kLevelNames[i], share);
  }
  return fmt::format("    served by           {}\n", out);
}

std::string calls_text(const Record& record, const Palette& palette) {
  std::string out = heading(palette, "Calls");
  out += fmt::format("    {}\n", symbols_line(record));
  Table table;
  table.row({"", "now", "peak"});
  table.row({"blocks", with_thousands(record.get(Counter::kLiveBlocks)),
             with_thousands(record.get(Counter::kPeakBlocks))});
  table.row({"bytes asked for", human_bytes(record.get(Counter::kLiveRequested)),
             human_bytes(record.get(Counter::kPeakRequested))});
  table.row({"bytes handed out", human_bytes(record.get(Counter::kLiveUsable)),
             human_bytes(record.get(Counter::kPeakUsable))});
  out += table.text("    ") + levels_line(record);
  out += fmt::format("    reallocs            {} in place, {} moved, {} remapped\n",
                     with_thousands(record.get(Counter::kReallocInPlace)),
                     with_thousands(record.get(Counter::kReallocMoved)),
                     with_thousands(record.get(Counter::kReallocRemapped)));
  out += fmt::format("    freed by others     {} by another thread, {} passed on to another malloc\n",
                     with_thousands(record.get(Counter::kRemoteFrees)), with_thousands(record.foreign()));
  const std::uint64_t failures = record.get(Counter::kFailures);
  if (failures != 0) {
    const std::string line = fmt::format("    out of memory       {} allocations", with_thousands(failures));
    out += palette.paint(Style::kBad, line) + "\n";
  }
  return out;
}

std::string classes_text(const Record& record, const Palette& palette) {
  const format::ClassCounts& classes = record.slot->classes;
  std::vector<std::size_t> order(record.class_bytes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto weight = [&](std::size_t i) {
    return record.known(Group::kCalls) ? value(classes.allocations[i]) : value(classes.live_blocks[i]);
  };
  std::erase_if(order, [&](std::size_t i) { return weight(i) == 0; });
  if (order.empty()) return {};
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  const std::size_t used = order.size();
  order.resize(std::min(used, kTopClasses));
  const bool walk = record.known(Group::kWalk);
  Table table;
  table.row({"size", "allocations", "frees", "live", "free", "spans"});
  for (const std::size_t i : order) {
    const bool calls = record.known(Group::kCalls);
    table.row({with_thousands(record.class_bytes[i]),
               calls ? with_thousands(value(classes.allocations[i])) : "-",
               calls ? with_thousands(value(classes.frees[i])) : "-",
               walk ? with_thousands(value(classes.live_blocks[i])) : "-",
               walk ? with_thousands(value(classes.free_blocks[i])) : "-",
               walk ? with_thousands(value(classes.spans[i])) : "-"});
  }
  return heading(palette, fmt::format("Size classes (top {} of {} used)", order.size(), used)) +
         table.text("    ");
}

std::string kernel_text(const Record& record, const Prices& prices, const Palette& palette) {
  std::string out = heading(palette, "Kernel");
  const format::KernelCounts& kernel = record.slot->kernel;
  const bool timed = value(record.slot->timed) != 0;
  Table table;
  table.row({"call", "count", "bytes", "time", "failed"});
  for (std::size_t i = 0; i < kCountOf<KernelCall>; ++i) {
    if (value(kernel.calls[i]) == 0) continue;
    table.row({format::kKernelCallNames[i], with_thousands(value(kernel.calls[i])),
               human_bytes(value(kernel.bytes[i])),
               timed ? human_ns(as_double(value(kernel.nanoseconds[i]))) : "-",
               with_thousands(value(kernel.failures[i]))});
  }
  out += table.text("    ");
  if (record.known(Group::kCalls)) {
    const std::uint64_t needed = record.get(Counter::kKernelAllocations);
    out += fmt::format("    {} of {} allocations needed the kernel\n", with_thousands(needed),
                       with_thousands(record.allocations()));
  }
  out += fmt::format("    crossing: {}\n", crossing_text(crossing_of(record, prices)));
  return out;
}

std::string break_text(const Record& record, const Palette& palette) {
  const std::uint64_t initial = record.get(Counter::kBreakInitial);
  const auto above = [&](Counter counter) {
    const std::uint64_t now = record.get(counter);
    return fmt::format("{:#x} (+{})", now, human_bytes(now > initial ? now - initial : 0));
  };
  std::string out = heading(palette, "Break");
  out += fmt::format("    initial {:#x}, now {}, highest {}\n", initial, above(Counter::kBreakCurrent),
                     above(Counter::kBreakHighest));
  const std::uint64_t pin = record.get(Counter::kBreakPin);
  if (pin != 0) {
    out += fmt::format("    {} free below the top cannot go back: the block {:#x} pins it\n",
                       human_bytes(record.get(Counter::kBreakStuckBytes)), pin);
  }
  return out;
}

std::string heap_text(const Record& record, const Palette& palette) {
  const auto get = [&](Counter counter) { return record.get(counter); };
  std::string out = heading(palette, "Heap");
  out += fmt::format("    {} of {} in {}, {}, {} mapped\n", counted(get(Counter::kWalkBlocks), "live block"),
                     human_bytes(get(Counter::kWalkBytes)), counted(get(Counter::kWalkSpans), "span"),
                     counted(get(Counter::kRegions), "region"), human_bytes(get(Counter::kMappedBytes)));
  out +=
      fmt::format("    {} for {}, {} in the process, {} advised as huge pages\n",
                  counted(get(Counter::kHeaps), "thread heap"), counted(get(Counter::kThreadsSeen), "thread"),
                  counted(get(Counter::kMappings), "mapping"), human_bytes(get(Counter::kHugeAdvisedBytes)));
  const auto overhead = overhead_of(record);
  out += fmt::format("    overhead: {} padding + {} metadata + {} free in spans + {} free spans = {}\n",
                     bytes_or_dash(overhead->padding), human_bytes(overhead->metadata),
                     human_bytes(overhead->free_in_span), human_bytes(overhead->dirty_cache),
                     bytes_or_dash(overhead->total()));
  return out;
}

// Where the free bytes are that spans in use keep in memory, and how many of them a live block pins to its very page.
std::string stranded_text(const Record& record) {
  const format::ClassCounts& classes = record.slot->classes;
  std::vector<std::size_t> order(record.class_bytes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto held = [&](std::size_t i) { return value(classes.resident_free[i]); };
  std::erase_if(order, [&](std::size_t i) { return held(i) == 0; });
  if (order.empty()) return {};
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return held(a) > held(b); });
  const std::size_t used = order.size();
  order.resize(std::min(used, kTopStranded));
  const bool walk = record.known(Group::kWalk);
  Table table;
  table.row({"size", "free", "stranded", "live blocks", "spans"});
  for (const std::size_t i : order) {
    table.row({with_thousands(record.class_bytes[i]), human_bytes(held(i)),
               human_bytes(value(classes.stranded[i])),
               walk ? with_thousands(value(classes.live_blocks[i])) : "-",
               walk ? with_thousands(value(classes.spans[i])) : "-"});
  }
  return fmt::format(
             "    {} of the free bytes in spans are stranded on pages that a live block keeps; by size (top "
             "{} of {})\n",
             human_bytes(record.get(Counter::kRssStranded)), order.size(), used) +
         table.text("    ");
}

std::string resident_text(const Record& record, const Palette& palette) {
  const auto resident = resident_of(record);
  Table table;
  for (const ResidentPart& part : resident->parts) {
    table.row(
        {part.what, human_bytes(part.bytes), percent(as_double(part.bytes), as_double(resident->total))});
  }
  const std::uint64_t bits = static_cast<std::uint64_t>(resident->unaccounted);
  const std::uint64_t rest = resident->unaccounted < 0 ? ~bits + 1 : bits;
  table.row({"unaccounted", (resident->unaccounted < 0 ? "-" : "") + human_bytes(rest),
             percent(static_cast<double>(resident->unaccounted), as_double(resident->total))});
  table.row({"resident memory", human_bytes(resident->total), ""});
  std::string out = heading(palette, "Resident memory") + table.text("    ");
  out += fmt::format("    of the heap's pages {} are huge\n", human_bytes(record.get(Counter::kRssHuge)));
  return out + stranded_text(record);
}

}  // namespace

std::string crossing_text(const Crossing& crossing) {
  std::string out = fmt::format("{} calls {} {}", with_thousands(crossing.calls),
                                crossing.measured ? "took" : "cost by price", human_ns(crossing.call_ns));
  if (crossing.faults) {
    out += fmt::format(", {} page faults", with_thousands(*crossing.faults));
    if (crossing.fault_ns) out += fmt::format(" by price {}", human_ns(*crossing.fault_ns));
  }
  if (const auto share = crossing.share()) {
    out += fmt::format(": {:.1f} % of {} CPU time", 100 * *share, human_ns(*crossing.cpu_ns));
  }
  return out;
}

std::string record_text(const Record& record, const Prices& prices, const Palette& palette) {
  const format::CounterSlot& slot = *record.slot;
  std::string out = palette.paint(Style::kBold, fmt::format("process {}", value(slot.pid)));
  out += fmt::format("  {}  {}\n", slot.executable, record.end_text());
  using Writer = std::string (*)(const Record&, const Palette&);
  const auto section = [&](Group group, const char* what, Writer writer) {
    return record.known(group) ? writer(record, palette) : missing(palette, what, record.reason(group));
  };
  out += section(Group::kCalls, "Calls", calls_text);
  if (record.known(Group::kCalls) || record.known(Group::kWalk)) out += classes_text(record, palette);
  out += record.known(Group::kKernel) ? kernel_text(record, prices, palette)
                                      : missing(palette, "Kernel", record.reason(Group::kKernel));
  out += section(Group::kBreak, "Break", break_text);
  out += section(Group::kWalk, "Heap", heap_text);
  out += section(Group::kResident, "Resident memory", resident_text);
  return out;
}

}  // namespace loam::tool
