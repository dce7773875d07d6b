#include <fmt/format.h>

#include "tool/model/heaptrack_events.hpp"
#include "tool/model/mtrace_events.hpp"
#include "tool/model/recording_events.hpp"

namespace loam::tool {

std::unique_ptr<HeapEvents> open_events(const std::string& path) {
  if (is_recording(path)) return std::make_unique<RecordingEvents>(path);
  if (is_heaptrack(path)) return std::make_unique<HeaptrackEvents>(path);
  if (is_mtrace(path)) return std::make_unique<MtraceEvents>(path);
  return std::make_unique<RecordingEvents>(path);  // which says what is wrong
}

void tell_what_is_missing(RecordingFacts& facts, const std::string& damage, std::uint64_t skipped_lines) {
  facts.is_damaged = !damage.empty();
  if (facts.is_damaged) facts.remarks.push_back(fmt::format("{}: the file is read up to there", damage));
  if (skipped_lines > 0)
    facts.remarks.push_back(
        fmt::format("{} lines of the file make no sense and were left out", skipped_lines));
}

}  // namespace loam::tool
