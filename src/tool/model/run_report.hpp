// A whole run: every process that left a record, and their sum.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tool/model/counter_file.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/prices.hpp"
#include "tool/model/record.hpp"

namespace loam::tool {

struct Summary {
  std::uint64_t processes = 0;  // distinct ones; a process that executed another program has two records
  std::uint64_t records = 0;
  std::uint64_t without_record = 0;  // the file was full
  std::uint64_t allocations = 0;
  std::uint64_t frees = 0;
  std::uint64_t requested_bytes = 0;
  std::uint64_t usable_bytes = 0;
  std::uint64_t failures = 0;
  std::uint64_t foreign = 0;
  std::uint64_t kernel_allocations = 0;
  std::uint64_t kernel_failures = 0;
  std::uint64_t counted = 0;  // records whose calls are known
  Crossing crossing;          // faults and CPU time from the wait, for all processes together

  std::uint64_t seen() const { return allocations + frees; }
  // Share of the calls seen that loam itself served, the others having been passed on.
  std::optional<double> served() const;
};

struct RunReport {
  std::vector<std::string> program;
  Ended ended;
  Prices prices;
  std::vector<Record> records;
  Summary summary;

  // The record to show first: the last one of the process that was started.
  const Record* main_record() const;
};

RunReport make_report(const std::vector<std::string>& program, const Ended& ended, const CounterFile& file);

}  // namespace loam::tool
