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

}  // namespace loam::tool
