#include "tool/model/record.hpp"

#include <fmt/format.h>

#include <cstring>

#include "format/counter_names.hpp"
#include "options/options.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {

using format::Counter;
using format::Group;
using format::index_of;
using format::KernelCall;
using format::Symbol;

std::shared_ptr<const format::CounterSlot> copy_slot(const format::CounterSlot& slot) {
  auto copy = std::make_shared<format::CounterSlot>();
  std::memcpy(static_cast<void*>(copy.get()), static_cast<const void*>(&slot), sizeof slot);
  copy->executable[format::kNameBytes - 1] = '\0';
  return copy;
}

std::optional<std::uint64_t> Record::find(Counter counter) const {
  if (!known(format::kCounterInfo[index_of(counter)].group)) return std::nullopt;
  return get(counter);
}

std::string Record::reason(Group group) const {
  if (group == Group::kCalls) return "calls are counted in statistics mode only (loam run --stats)";
  if (group == Group::kKernel) return "this runtime does not count its kernel calls";
  const std::uint64_t source = value(slot->source);
  if (group == Group::kBreak && source != static_cast<std::uint64_t>(options::Source::kSbrk)) {
    return "the heap does not take its pages from the break (--source sbrk does)";
  }
  switch (end) {
    case End::kRunning:
      return "the process still runs";
    case End::kReplaced:
      return "the process executed another program before its end";
    case End::kSignal:
      return fmt::format("signal {} ended the process before the heap could be walked", signal);
    case End::kGone:
      return "the process ended without running its exit handlers (_exit or a signal)";
    case End::kExited:
      break;
  }
  return "not measured by this runtime";
}

std::string Record::end_text() const {
  switch (end) {
    case End::kRunning:
      return "still running";
    case End::kReplaced:
      return "executed another program";
    case End::kSignal:
      return fmt::format("killed by signal {} ({})", signal, signal_text(signal));
    case End::kGone:
      return exit_status ? fmt::format("_exit with status {}", *exit_status) : "ended without exit handlers";
    case End::kExited:
      break;
  }
  return exit_status ? fmt::format("exit status {}", *exit_status) : "exited";
}

std::uint64_t Record::symbol(Symbol symbol) const { return value(slot->symbols[index_of(symbol)]); }

std::uint64_t Record::allocations() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < format::kCountOf<Symbol>; ++i) {
    if (format::kSymbolAllocates[i]) sum += symbol(static_cast<Symbol>(i));
  }
  return sum;
}

std::uint64_t Record::frees() const {
  return symbol(Symbol::kFree) + symbol(Symbol::kFreeSized) + symbol(Symbol::kDelete) +
         symbol(Symbol::kDeleteAligned);
}

std::uint64_t Record::foreign() const { return get(Counter::kForeignFrees) + get(Counter::kForeignReallocs); }

std::uint64_t Record::kernel_calls() const {
  std::uint64_t sum = 0;
  for (const format::Word& word : slot->kernel.calls) sum += value(word);
  return sum;
}

std::uint64_t Record::kernel_failures() const {
  std::uint64_t sum = 0;
  for (const format::Word& word : slot->kernel.failures) sum += value(word);
  return sum;
}

std::optional<double> Crossing::share() const {
  if (!fault_ns || !cpu_ns || *cpu_ns <= 0) return std::nullopt;
  return (call_ns + *fault_ns) / *cpu_ns;
}

double priced_calls(const format::CounterSlot& slot, const Prices& prices) {
  double sum = 0;
  for (std::size_t i = 0; i < format::kCountOf<KernelCall>; ++i) {
    const double calls = static_cast<double>(slot.kernel.calls[i].load(std::memory_order_relaxed));
    const KernelCall call = static_cast<KernelCall>(i);
    double price = prices.system_call.median_ns;
    if (call == KernelCall::kMmap || call == KernelCall::kMunmap) price = prices.map_pair.median_ns / 2;
    if (call == KernelCall::kMremap && prices.mremap_page.known) price = prices.mremap_page.median_ns;
    sum += calls * price;
  }
  return sum;
}

Crossing crossing_of(const Record& record, const Prices& prices) {
  Crossing out;
  out.calls = record.kernel_calls();
  out.measured = value(record.slot->timed) != 0;
  if (out.measured) {
    for (const format::Word& word : record.slot->kernel.nanoseconds) {
      out.call_ns += static_cast<double>(word.load(std::memory_order_relaxed));
    }
  } else {
    out.call_ns = priced_calls(*record.slot, prices);
  }
  if (record.known(Group::kUsage)) {
    out.faults = record.get(Counter::kMinorFaults);
    out.cpu_ns = static_cast<double>(record.get(Counter::kUserNs) + record.get(Counter::kSystemNs));
    if (prices.small_fault.known)
      out.fault_ns = static_cast<double>(*out.faults) * prices.small_fault.median_ns;
  }
  return out;
}

std::optional<Resident> resident_of(const Record& record) {
  if (!record.known(Group::kResident)) return std::nullopt;
  Resident out{record.get(Counter::kRss),
               {{{"live", "live blocks", record.get(Counter::kRssLive)},
                 {"free_in_span", "free blocks in spans", record.get(Counter::kRssFreeInSpan)},
                 {"dirty_cache", "free spans kept", record.get(Counter::kRssCache)},
                 {"metadata", "metadata", record.get(Counter::kRssMetadata)},
                 {"foreign", "not malloc's", record.get(Counter::kRssForeign)}}},
               0};
  std::uint64_t rest = out.total;  // unsigned: a damaged record may hold any figures
  for (const ResidentPart& part : out.parts) rest -= part.bytes;
  out.unaccounted = static_cast<std::int64_t>(rest);
  return out;
}

std::optional<std::uint64_t> Overhead::total() const {
  if (!padding) return std::nullopt;
  return *padding + metadata + free_in_span + dirty_cache;
}

std::optional<Overhead> overhead_of(const Record& record) {
  if (!record.known(Group::kWalk)) return std::nullopt;
  return Overhead{record.find(Counter::kPaddingLive), record.get(Counter::kMetadataBytes),
                  record.get(Counter::kFreeInSpanBytes), record.get(Counter::kDirtyCacheBytes)};
}

}  // namespace loam::tool
