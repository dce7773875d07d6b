#include "tool/model/recording_events.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tool/model/files.hpp"

namespace loam::tool {

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
  return true;
}

RecordingFacts RecordingEvents::facts() const {
  RecordingFacts facts;
  facts.name = std::filesystem::path(path_).filename();
  const auto head = nlohmann::json::parse(reader_.facts(), nullptr, false);
  if (head.is_object()) {
    if (head.contains("program") && head["program"].is_array()) {
      for (const auto& word : head["program"])
        if (word.is_string()) facts.program.push_back(word.get<std::string>());
    }
    facts.pid = head.value("pid", std::uint64_t{0});
    facts.started = head.value("started_ns", std::uint64_t{0}) / 1'000'000'000;
    facts.has_stacks = head.value("stacks", false);
  }
  facts.duration = last_;
  facts.has_crossings = true;
  const auto end = nlohmann::json::parse(reader_.end(), nullptr, false);
  if (end.is_object()) {
    facts.ending = end.value("ending", "");
    facts.lost = end.value("dropped", std::uint64_t{0});
    facts.duration = std::max(facts.duration, end.value("duration_ns", std::uint64_t{0}));
    if (end.value("cut", false)) facts.remarks.push_back("cut: the recording ends before the program does");
  }
  if (!reader_.remark().empty()) facts.remarks.push_back(reader_.remark());
  return facts;
}

std::vector<ProcessSample> RecordingEvents::samples() const {
  std::vector<ProcessSample> out;
  for (const format::RecordingSample& from : reader_.samples())
    out.push_back({from.time_us * 1000, from.resident, from.mapped, from.kernel_calls});
  return out;
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

}  // namespace loam::tool
