// One process as its counter slot tells it: what is known, what is not and why, and the figures derived from several
// counters. Text and JSON are both made from this.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/control.hpp"
#include "format/counters.hpp"
#include "tool/model/prices.hpp"

namespace loam::tool {

// How the record of a process came to its end.
enum class End {
  kRunning,   // it still runs
  kExited,    // by exit or return from main: the final figures are in
  kReplaced,  // exec: another record goes on with the same pid
  kSignal,    // killed
  kGone,      // ended by _exit or a signal, it is not known which
};

// A word as it stands, without an order to any other.
inline std::uint64_t value(const format::Word& word) { return word.load(std::memory_order_relaxed); }

// A private copy of a slot, so that a program which still runs, or wrote nonsense over the mapping, cannot change the
// figures between two looks; the name ends with a zero byte whatever the slot holds.
std::shared_ptr<const format::CounterSlot> copy_slot(const format::CounterSlot& slot);

struct Record {
  std::shared_ptr<const format::CounterSlot> slot;
  std::vector<std::uint64_t> class_bytes;
  End end = End::kRunning;
  int signal = 0;                  // for kSignal
  std::optional<int> exit_status;  // for kExited and kGone, where it is known

  bool known(format::Group group) const { return slot->is_known(group); }
  std::uint64_t get(format::Counter counter) const { return slot->get(counter); }
  // Nothing if the counter's group is not known.
  std::optional<std::uint64_t> find(format::Counter counter) const;
  // Why the group is not known.
  std::string reason(format::Group group) const;
  std::string end_text() const;

  std::uint64_t symbol(format::Symbol symbol) const;
  std::uint64_t allocations() const;  // calls that hand out or move a block
  std::uint64_t frees() const;
  std::uint64_t foreign() const;  // calls passed on to another malloc
  std::uint64_t kernel_calls() const;
  std::uint64_t kernel_failures() const;
};

// Time spent between program and kernel, from counts and prices.
struct Crossing {
  std::uint64_t calls = 0;
  double call_ns = 0;  // measured in the process if it was timed, else calls times their price
  bool measured = false;
  std::optional<std::uint64_t> faults;
  std::optional<double> fault_ns;  // faults times the price of a small fault
  std::optional<double> cpu_ns;    // user and system time
  // (call_ns + fault_ns) / cpu_ns; nothing if a part is not known
  std::optional<double> share() const;
};

Crossing crossing_of(const Record& record, const Prices& prices);

// What `calls` kernel calls of each kind cost by price.
double priced_calls(const format::CounterSlot& slot, const Prices& prices);

// Resident memory by part; `unaccounted` is what the parts leave over (negative if they count something twice).
struct ResidentPart {
  const char* name;
  const char* what;
  std::uint64_t bytes;
};
struct Resident {
  std::uint64_t total;
  std::array<ResidentPart, 5> parts;
  std::int64_t unaccounted;
};
std::optional<Resident> resident_of(const Record& record);

// Memory that the heap costs beyond what the program asked for.
struct Overhead {
  std::optional<std::uint64_t> padding;
  std::uint64_t metadata;
  std::uint64_t free_in_span;
  std::uint64_t dirty_cache;
  std::optional<std::uint64_t> total() const;
};
std::optional<Overhead> overhead_of(const Record& record);

}  // namespace loam::tool
