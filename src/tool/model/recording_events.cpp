#include "tool/model/recording_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <type_traits>

#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool {
namespace {

// What is missing, or of another type in a file that somebody has changed, is not known.
template <class T>
T value_of(const Json& facts, const char* key) {
  const Json& found = facts.find(key);
  if constexpr (std::is_same_v<T, bool>)
    return found.is_boolean() && found.get<bool>();
  else if constexpr (std::is_same_v<T, std::string>)
    return found.is_string() ? found.get<std::string>() : T{};
  else
    return found.is_number_unsigned() ? found.get<T>() : T{};
}

}  // namespace

// The halves of a realloc() are a free and an allocation.
bool RecordingEvents::next(HeapEvent& event) {
  RecordedEvent recorded;
  if (!reader_.next(recorded)) return false;
  event = {};
  event.kind = recorded.is_free ? HeapEvent::Kind::kFree : HeapEvent::Kind::kAllocate;
  event.thread = recorded.thread;
  event.stack = recorded.stack;
  event.time = last_ = recorded.time;
  event.address = recorded.address;
  event.size = recorded.size;
  event.alignment_log = recorded.alignment_log;
  event.is_half = recorded.is_resize;
  return true;
}

RecordingFacts RecordingEvents::facts() const {
  RecordingFacts facts;
  facts.name = std::filesystem::path(path_).filename();
  const Json head = Json::parse_or_null(reader_.facts());
  if (head.is_object()) {
    if (const Json& program = head.find("program"); program.is_array()) {
      for (const Json& word : program)
        if (word.is_string()) facts.program.push_back(word.get<std::string>());
    }
    facts.pid = value_of<std::uint64_t>(head, "pid");
    facts.started = value_of<std::uint64_t>(head, "started_ns") / 1'000'000'000;
    facts.has_stacks = value_of<bool>(head, "stacks");
  }
  facts.duration = last_;
  facts.has_crossings = true;
  const Json end = Json::parse_or_null(reader_.end());
  if (end.is_object()) {
    facts.ending = value_of<std::string>(end, "ending");
    facts.lost = value_of<std::uint64_t>(end, "dropped");
    facts.duration = std::max(facts.duration, value_of<std::uint64_t>(end, "duration_ns"));
    if (value_of<bool>(end, "cut"))
      facts.remarks.push_back("cut: the recording ends before the program does");
  }
  facts.is_damaged = !reader_.remark().empty();
  if (facts.is_damaged) facts.remarks.push_back(reader_.remark());
  return facts;
}

std::vector<ProcessSample> RecordingEvents::samples() const {
  std::vector<ProcessSample> out;
  for (const format::RecordingSample& from : reader_.samples())
    out.push_back({from.time_us * 1000, from.resident, from.mapped, from.kernel_calls});
  return out;
}

void RecordingEvents::look_in_all(const std::string& paths) {
  for (const std::string& path : split(paths, ',')) {
    if (!path.empty()) symbols_.look_in(path);
  }
}

std::vector<SourceFrame> RecordingEvents::frames(std::uint32_t stack) {
  std::vector<SourceFrame> frames = reader_.stacks().describe(stack, symbols_).frames;
  if (frames.empty()) {
    SourceFrame unknown;
    unknown.function = "(stack not recorded)";
    frames.push_back(unknown);
  }
  return frames;
}

std::vector<ModuleMapping> RecordingEvents::mappings() const {
  std::vector<ModuleMapping> out;
  for (const auto& [id, module] : reader_.stacks().mapped())
    out.push_back({module.source, module.start, module.end});
  return out;
}

}  // namespace loam::tool
