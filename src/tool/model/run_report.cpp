#include "tool/model/run_report.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <map>
#include <set>

#include "tool/model/process.hpp"

namespace loam::tool {

using format::Counter;
using format::Group;
using format::State;

namespace {

std::uint64_t pid_of(const Record& record) { return record.slot->pid.load(std::memory_order_relaxed); }

double nanoseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
}

void judge_end(Record& record, const Ended& ended) {
  const bool root = pid_of(record) == static_cast<std::uint64_t>(ended.pid);
  if (root && WIFSIGNALED(ended.wait_status)) {
    record.end = End::kSignal;
    record.signal = WTERMSIG(ended.wait_status);
    return;
  }
  if (root) record.exit_status = WEXITSTATUS(ended.wait_status);
  if (record.slot->get_state() == State::kExited) {
    record.end = End::kExited;
  } else if (!root && is_alive(pid_of(record), record.slot->start_ticks.load(std::memory_order_relaxed))) {
    record.end = End::kRunning;
  } else {
    record.end = End::kGone;
  }
}

void judge_ends(std::vector<Record>& records, const Ended& ended) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    // A later record of the same process (same pid, same start) means that it executed another program. Slots are
    // claimed in order, so the later one has the higher index.
    const auto same = [&](const Record& other) {
      return pid_of(other) == pid_of(records[i]) &&
             other.slot->start_ticks.load() == records[i].slot->start_ticks.load();
    };
    if (std::any_of(records.begin() + static_cast<std::ptrdiff_t>(i) + 1, records.end(), same)) {
      records[i].end = End::kReplaced;
    } else {
      judge_end(records[i], ended);
    }
  }
}

void add(Summary& sum, const Record& record, const Prices& prices) {
  ++sum.records;
  const Crossing crossing = crossing_of(record, prices);
  sum.crossing.calls += crossing.calls;
  sum.crossing.call_ns += crossing.call_ns;
  sum.crossing.measured = sum.crossing.measured || crossing.measured;
  sum.kernel_failures += record.kernel_failures();
  if (!record.known(Group::kCalls)) return;
  ++sum.counted;
  sum.allocations += record.allocations();
  sum.frees += record.frees();
  sum.requested_bytes += record.get(Counter::kRequestedBytes);
  sum.usable_bytes += record.get(Counter::kUsableBytes);
  sum.failures += record.get(Counter::kFailures);
  sum.foreign += record.foreign();
  sum.kernel_allocations += record.get(Counter::kKernelAllocations);
}

}  // namespace

std::optional<double> Summary::served() const {
  if (seen() == 0) return std::nullopt;
  const std::uint64_t passed_on = std::min(foreign, seen());
  return static_cast<double>(seen() - passed_on) / static_cast<double>(seen());
}

const Record* RunReport::main_record() const {
  const auto at = std::find_if(records.rbegin(), records.rend(), [&](const Record& record) {
    return pid_of(record) == static_cast<std::uint64_t>(ended.pid);
  });
  return at != records.rend() ? &*at : records.empty() ? nullptr : &records.front();
}

RunReport make_report(const std::vector<std::string>& program, const Ended& ended, const CounterFile& file) {
  RunReport report;
  report.program = program;
  report.ended = ended;
  report.prices = measure_prices(Effort::kQuick);
  std::vector<std::uint64_t> classes;
  const std::uint64_t count = std::min<std::uint64_t>(file.header().class_count.load(), format::kMaxClasses);
  for (std::uint64_t i = 0; i < count; ++i) classes.push_back(file.header().class_bytes[i].load());
  for (std::uint64_t i = 0; i < file.slots(); ++i) {
    Record record;
    record.slot = copy_slot(file.slot(i));
    if (record.slot->get_state() != State::kRunning && record.slot->get_state() != State::kExited) continue;
    record.class_bytes = classes;
    report.records.push_back(record);
  }
  judge_ends(report.records, ended);
  std::set<std::pair<std::uint64_t, std::uint64_t>> processes;
  for (const Record& record : report.records) {
    add(report.summary, record, report.prices);
    processes.insert({pid_of(record), record.slot->start_ticks.load()});
  }
  Summary& sum = report.summary;
  sum.processes = processes.size();
  sum.without_record = file.dropped();
  sum.crossing.faults = static_cast<std::uint64_t>(ended.usage.ru_minflt);
  sum.crossing.cpu_ns = nanoseconds(ended.usage.ru_utime) + nanoseconds(ended.usage.ru_stime);
  if (report.prices.small_fault.known) {
    sum.crossing.fault_ns = static_cast<double>(*sum.crossing.faults) * report.prices.small_fault.median_ns;
  }
  return report;
}

}  // namespace loam::tool
