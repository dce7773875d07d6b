#include "tool/model/mtrace_events.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {

bool is_mtrace(const std::string& path) {
  try {
    PackedLines lines(path);
    std::string_view line;
    return lines.next(line) && line.starts_with(kMtraceHead);
  } catch (const Failure&) {
    return false;
  }
}

MtraceEvents::MtraceEvents(const std::string& path) : path_(path), lines_(path) { rewind(); }

void MtraceEvents::rewind() {
  lines_.rewind();
  callers_.clear();
  stacks_.clear();
  live_ = {};
  old_address_ = 0;
  waiting_.reset();
  count_ = 0;
  skipped_ = 0;
  std::string_view line;
  if (!lines_.next(line) || !line.starts_with(kMtraceHead))
    throw Failure(kExitFailure, fmt::format("{} is nothing that mtrace has written", path_));
}

bool MtraceEvents::next(HeapEvent& event) {
  if (waiting_) {
    event = *waiting_;
    waiting_.reset();
    return true;
  }
  std::string_view text;
  while (lines_.next(text)) {
    text = trim(text);
    if (text.empty() || text.front() == '=') continue;
    const auto line = read_mtrace_line(text);
    if (!line)
      ++skipped_;
    else if (read(*line, event))
      return true;
  }
  return false;
}

// Whether the line is an event. Of a realloc(), whose lines follow each other, the first waits for the second.
bool MtraceEvents::read(const MtraceLine& line, HeapEvent& event) {
  std::uint8_t unused = 0;
  const std::uint64_t old = old_address_;
  old_address_ = 0;
  event = {};
  switch (line.word) {
    case MtraceWord::kFree:
      if (!live_.take(line.address, unused)) {
        ++skipped_;
        return false;
      }
      event.kind = HeapEvent::Kind::kFree;
      event.time = ++count_ * 1000;
      event.address = line.address;
      return true;
    case MtraceWord::kResizeFrom: {
      bool is_new = false;
      live_.at(line.address, is_new);
      if (is_new) live_.take(line.address, unused);
      if (is_new) ++skipped_;
      old_address_ = is_new ? 0 : line.address;
      return false;
    }
    case MtraceWord::kResizeRefused:
      return false;
    case MtraceWord::kAllocate:
      return allocate(line, event);
    case MtraceWord::kResizeTo:
      break;
  }
  if (old == 0 || !live_.take(old, unused)) return allocate(line, event);
  HeapEvent second;
  if (allocate(line, second)) {
    second.is_half = true;
    waiting_ = second;
  }
  event.kind = HeapEvent::Kind::kFree;
  event.time = count_ * 1000;
  event.address = old;
  event.is_half = waiting_.has_value();
  return true;
}

bool MtraceEvents::allocate(const MtraceLine& line, HeapEvent& event) {
  if (line.address == 0) return false;  // out of memory: nothing was made
  bool is_new = false;
  live_.at(line.address, is_new);
  event.kind = HeapEvent::Kind::kAllocate;
  event.stack = stack_of(line.caller);
  event.time = ++count_ * 1000;
  event.address = line.address;
  event.size = line.size;
  return true;
}

std::uint32_t MtraceEvents::stack_of(std::string_view caller) {
  if (caller.empty()) return 0;
  const auto [at, is_new] =
      stacks_.try_emplace(std::string(caller), static_cast<std::uint32_t>(callers_.size()) + 1);
  if (is_new) callers_.emplace_back(caller);
  return at->second;
}

RecordingFacts MtraceEvents::facts() const {
  RecordingFacts facts;
  facts.name = std::filesystem::path(path_).filename();
  facts.duration = count_ * 1000;
  facts.has_stacks = true;
  facts.remarks.emplace_back(
      "from mtrace, which tells neither time nor threads: each event takes a microsecond here");
  tell_what_is_missing(facts, lines_.damage(), skipped_);
  return facts;
}

// "./program:(main+0x1b)[0x401136]", in which the function is left out where it has no symbol, or the module, or all.
std::vector<SourceFrame> MtraceEvents::frames(std::uint32_t stack) {
  SourceFrame frame;
  if (stack == 0 || stack > callers_.size()) {
    frame.function = "(stack not recorded)";
    return {frame};
  }
  std::string_view caller = callers_[stack - 1];
  if (const std::size_t at = caller.rfind("[0x"); at != std::string_view::npos) {
    const std::string_view number = caller.substr(at + 3);
    std::from_chars(number.data(), number.data() + number.size(), frame.address, 16);
    caller = caller.substr(0, at);
  }
  if (const std::size_t at = caller.rfind(":("); at != std::string_view::npos) {
    const std::string_view name = caller.substr(at + 2);
    frame.function = frame.linkage = std::string(name.substr(0, name.find_first_of("+)")));
    caller = caller.substr(0, at);
  }
  if (caller.ends_with(':')) caller.remove_suffix(1);
  frame.module = std::string(caller);
  return {frame};
}

}  // namespace loam::tool
