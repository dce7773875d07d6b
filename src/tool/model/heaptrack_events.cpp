#include "tool/model/heaptrack_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/bits.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/operations.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kFirstAddress = std::uint64_t{1} << 32;
constexpr std::uint64_t kMostAddress = std::uint64_t{1} << 56;
constexpr std::uint64_t kAlignment = 16;
constexpr std::uint64_t kMostVersion = 3;
constexpr std::uint64_t kFirstSizedStrings = 3;
// Of a clock; a year is 2^35 milliseconds.
constexpr std::uint64_t kMostMs = std::uint64_t{1} << 40;

// The next hexadecimal number of the line.
std::optional<std::uint64_t> take(std::string_view& rest) {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, 16);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

// A number that names something of the file; larger ones name nothing.
std::optional<std::uint32_t> take_number(std::string_view& rest) {
  const auto value = take(rest);
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*value, UINT32_MAX));
}

class EventOperations : public OperationSource {
 public:
  explicit EventOperations(const std::string& path) : events_(path) {}

  void next(std::vector<Operation>& piece) override {
    constexpr std::size_t kPiece = 1U << 16;
    piece.clear();
    for (HeapEvent event; piece.size() < kPiece && events_.next(event);) {
      std::uint32_t number = 0;
      if (event.kind == HeapEvent::Kind::kAllocate) {
        piece.push_back({event.size, numbers_.add(event.address), OperationKind::kAllocate, 0});
      } else if (numbers_.take(event.address, number)) {
        piece.push_back({0, number, OperationKind::kRelease, 0});
        numbers_.give(number);
      }
    }
  }
  std::uint64_t skipped() const override { return events_.skipped(); }
  std::string remark() const override {
    std::string text;
    for (const std::string& remark : events_.facts().remarks) text += (text.empty() ? "" : "; ") + remark;
    return text;
  }
  bool is_damaged() const override { return events_.facts().is_damaged; }

 private:
  HeaptrackEvents events_;
  BlockNumbers numbers_;
};

}  // namespace

std::unique_ptr<OperationSource> open_heaptrack(const std::string& path) {
  return std::make_unique<EventOperations>(path);
}

bool is_heaptrack(const std::string& path) {
  try {
    PackedLines lines(path);
    std::string_view line;
    if (!lines.next(line) || !line.starts_with("v ")) return false;
    line.remove_prefix(2);
    return take(line).has_value();
  } catch (const Failure&) {
    return false;
  }
}

HeaptrackEvents::HeaptrackEvents(const std::string& path) : path_(path), lines_(path) { open(); }

void HeaptrackEvents::rewind() {
  lines_.rewind();
  open();
}

void HeaptrackEvents::open() {
  program_.clear();
  page_ = 4096;
  time_ = 0;
  next_address_ = kFirstAddress;
  attached_ = false;
  strings_.clear();
  places_.clear();
  traces_.clear();
  kinds_.clear();
  samples_.clear();
  skipped_ = 0;
  std::string_view line;
  if (!lines_.next(line) || !line.starts_with("v "))
    throw Failure(kExitFailure, fmt::format("{} is no file of heaptrack", path_));
  line.remove_prefix(2);
  const auto writer = take(line);
  const auto version = take(line);
  if (!writer || !version || *version == 0 || *version > kMostVersion) {
    throw Failure(kExitFailure,
                  fmt::format("{} is a file of heaptrack in version {}, this tool knows 1 to {}", path_,
                              version ? *version : 0, kMostVersion));
  }
  version_ = *version;
}

bool HeaptrackEvents::next(HeapEvent& event) {
  std::string_view line;
  while (lines_.next(line)) {
    if (line.empty() || line[0] == '#') continue;
    const char mode = line[0];
    line.remove_prefix(std::min<std::size_t>(2, line.size()));
    if (mode == '+' || mode == '-') {
      const auto kind = take(line);
      if (kind && *kind < kinds_.size() &&
          (mode == '+' ? allocate(kinds_[*kind], event) : release(kinds_[*kind], event)))
        return true;
      ++skipped_;
    } else if (!tell(mode, line)) {
      ++skipped_;
    }
  }
  return false;
}

bool HeaptrackEvents::allocate(Kind& kind, HeapEvent& event) {
  if (kind.free.empty()) {
    const std::uint64_t bytes = base::align_up(std::max<std::uint64_t>(kind.size, 1), kAlignment);
    if (kind.size >= kMostAddress || bytes > kMostAddress - next_address_) return false;
    kind.free.push_back(next_address_);
    next_address_ += bytes;
  }
  event = {};
  event.kind = HeapEvent::Kind::kAllocate;
  event.stack = kind.trace;
  event.time = time_;
  event.address = kind.free.back();
  event.size = kind.size;
  kind.live.push_back(event.address);
  kind.free.pop_back();
  return true;
}

bool HeaptrackEvents::release(Kind& kind, HeapEvent& event) {
  if (kind.live.empty()) return false;
  event = {};
  event.kind = HeapEvent::Kind::kFree;
  event.time = time_;
  event.address = kind.live.back();
  kind.free.push_back(event.address);
  kind.live.pop_back();
  return true;
}

// What is no event. Whether the line makes sense.
bool HeaptrackEvents::tell(char mode, std::string_view rest) {
  switch (mode) {
    case 's':
      return add_string(rest);
    case 'i':
      return add_place(rest);
    case 't': {
      const auto place = take_number(rest);
      const auto parent = take_number(rest);
      // Only what was told before can be a parent: so no trace leads back to itself.
      const bool good = place && parent && *parent <= traces_.size();
      traces_.push_back(good ? Trace{*place, *parent} : Trace{});
      return good;
    }
    case 'a': {
      const auto size = take(rest);
      const auto trace = take_number(rest);
      kinds_.push_back({size.value_or(0), trace.value_or(0), {}, {}});
      return size && trace;
    }
    case 'c': {
      const auto ms = take(rest);
      if (!ms || *ms > kMostMs) return false;
      time_ = std::max(time_, *ms * 1'000'000);
      return true;
    }
    case 'R': {
      const auto pages = take(rest);
      if (!pages) return false;
      samples_.push_back({time_, *pages * page_, 0, 0});
      return true;
    }
    case 'I': {
      const auto page = take(rest);
      if (page) page_ = *page;
      return page.has_value();
    }
    case 'X':
      program_ = rest;
      return true;
    case 'A':
      attached_ = true;
      return true;
    case 'S':  // what it does not take for leaks
      return true;
    case 'x':
    case 'm':
      throw Failure(kExitFailure,
                    fmt::format("{} is raw: heaptrack's heaptrack_interpret has not read it yet", path_));
    default:
      return false;
  }
}

bool HeaptrackEvents::add_string(std::string_view rest) {
  if (version_ >= kFirstSizedStrings) {
    const auto bytes = take(rest);
    if (!rest.empty()) rest.remove_prefix(1);
    strings_.emplace_back(rest.substr(0, bytes.value_or(0)));
    return bytes && *bytes == strings_.back().size();
  }
  strings_.emplace_back(rest);
  return true;
}

bool HeaptrackEvents::add_place(std::string_view rest) {
  const auto address = take(rest);
  const auto module = take_number(rest);
  Place place{address.value_or(0), module.value_or(0), {}};
  while (const auto number = take_number(rest)) place.lines.push_back(*number);
  places_.push_back(std::move(place));
  return address && module;
}

const std::string& HeaptrackEvents::string(std::uint32_t number) const {
  static const std::string nothing;
  return number == 0 || number > strings_.size() ? nothing : strings_[number - 1];
}

RecordingFacts HeaptrackEvents::facts() const {
  RecordingFacts facts;
  facts.name = std::filesystem::path(path_).filename();
  for (std::string& word : split(program_, ' '))
    if (!word.empty()) facts.program.push_back(std::move(word));
  facts.duration = time_;
  facts.has_stacks = true;
  facts.remarks.push_back(
      "from heaptrack, whose files have neither addresses nor threads: where blocks lie is made up");
  if (attached_) facts.remarks.push_back("heaptrack was attached: blocks from before are not known");
  tell_what_is_missing(facts, lines_.damage(), skipped_);
  return facts;
}

std::vector<SourceFrame> HeaptrackEvents::frames(std::uint32_t stack) {
  std::vector<SourceFrame> frames;
  for (std::uint32_t at = stack; at != 0 && at <= traces_.size(); at = traces_[at - 1].parent) {
    const std::uint32_t number = traces_[at - 1].place;
    if (number == 0 || number > places_.size()) continue;
    const Place& place = places_[number - 1];
    SourceFrame frame;
    frame.address = place.address;
    frame.module = string(place.module);
    for (std::size_t i = 0; i < std::max<std::size_t>(place.lines.size(), 1); i += 3) {
      const auto part = [&](std::size_t k) { return i + k < place.lines.size() ? place.lines[i + k] : 0; };
      frame.function = frame.linkage = string(part(0));
      frame.file = string(part(1));
      frame.line = static_cast<int>(std::min<std::uint32_t>(part(2), INT32_MAX));
      frame.inlined = i + 3 < place.lines.size();
      frames.push_back(frame);
    }
  }
  if (frames.empty()) {
    SourceFrame unknown;
    unknown.function = "(stack not recorded)";
    frames.push_back(unknown);
  }
  return frames;
}

}  // namespace loam::tool
