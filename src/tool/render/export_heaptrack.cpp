#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "tool/model/live_blocks.hpp"
#include "tool/model/report_axes.hpp"
#include "tool/render/exports.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kTickNs = 10'000'000;  // as often as heaptrack looks at the clock

// A line a fact, numbers in hexadecimal. Strings, places in the program ("ips"), traces and kinds of allocation (size and trace) are
// numbered in the order in which they are told, the first three from 1 and the last from 0, before what names them.
class HeaptrackWriter {
 public:
  HeaptrackWriter(PackedOutput& out, HeapEvents& events) : out_(out), events_(events) {}

  void head(const RecordingFacts& facts) {
    std::string program;
    for (const std::string& word : facts.program) program += (program.empty() ? "" : " ") + one_line(word);
    out_.write(fmt::format("v 10400 3\nX {}\nI {:x} 0\n", program.empty() ? facts.name : program, kPage));
  }
  void tick(std::uint64_t time) { out_.write(fmt::format("c {:x}\n", time / 1'000'000)); }
  void resident(std::uint64_t bytes) { out_.write(fmt::format("R {:x}\n", bytes / kPage)); }

  void allocate(const HeapEvent& event) {
    bool is_new = false;
    std::uint64_t& kind = live_.at(event.address, is_new);
    // A block whose free was lost: it cannot be there any longer.
    if (!is_new) out_.write(fmt::format("- {:x}\n", kind));
    kind = kind_of(event.size, event.stack);
    out_.write(fmt::format("+ {:x}\n", kind));
  }
  void release(std::uint64_t address) {
    std::uint64_t kind = 0;
    if (live_.take(address, kind)) out_.write(fmt::format("- {:x}\n", kind));
  }

 private:
  static std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

  std::uint64_t string(const std::string& text) {
    if (text.empty()) return 0;
    const auto [at, is_new] = strings_.try_emplace(text, strings_.size() + 1);
    if (is_new) {
      const std::string line = one_line(text);
      out_.write(fmt::format("s {:x} {}\n", line.size(), line));
    }
    return at->second;
  }

  // The frames from `begin` on that lie at the same address: those inlined there, and the function itself.
  std::uint64_t ip(const std::vector<SourceFrame>& frames, std::size_t begin, std::size_t end) {
    const SourceFrame& first = frames[begin];
    const auto [at, is_new] =
        ips_.try_emplace({first.address, first.module, first.function}, ips_.size() + 1);
    if (!is_new) return at->second;
    std::string line = fmt::format("i {:x} {:x}", first.address, string(first.module));
    for (std::size_t i = begin; i < end && !first.function.empty(); ++i) {
      const SourceFrame& frame = frames[i];
      line +=
          fmt::format(" {:x} {:x} {:x}", string(frame.function), string(frame.file), std::max(frame.line, 0));
    }
    out_.write(line + "\n");
    return at->second;
  }

  std::uint64_t trace_of(std::uint32_t stack) {
    const auto [known, is_new] = trace_of_stack_.try_emplace(stack);
    if (!is_new) return known->second;
    const std::vector<SourceFrame> frames = events_.frames(stack);
    std::vector<std::uint64_t> ips;
    for (std::size_t begin = 0, end = 0; begin < frames.size(); begin = end) {
      while (end < frames.size() && frames[end].inlined) ++end;
      end = std::min(end + 1, frames.size());
      ips.push_back(ip(frames, begin, end));
    }
    std::uint64_t trace = 0;
    for (auto place = ips.rbegin(); place != ips.rend(); ++place) {
      const auto [node, is_new_node] = traces_.try_emplace({*place, trace}, traces_.size() + 1);
      if (is_new_node) out_.write(fmt::format("t {:x} {:x}\n", *place, trace));
      trace = node->second;
    }
    return known->second = trace;
  }

  std::uint64_t kind_of(std::uint64_t size, std::uint32_t stack) {
    const auto known = kinds_.find({size, stack});
    if (known != kinds_.end()) return known->second;
    const std::uint64_t trace = trace_of(stack);
    out_.write(fmt::format("a {:x} {:x}\n", size, trace));
    return kinds_.try_emplace({size, stack}, kinds_.size()).first->second;
  }

  PackedOutput& out_;
  HeapEvents& events_;
  LiveBlocks<std::uint64_t> live_;  // kind
  std::unordered_map<std::string, std::uint64_t> strings_;
  std::map<std::tuple<std::uint64_t, std::string, std::string>, std::uint64_t> ips_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> traces_;
  std::unordered_map<std::uint32_t, std::uint64_t> trace_of_stack_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> kinds_;
};

}  // namespace

// The samples are known only when the events have been read once.
void write_heaptrack(HeapEvents& events, PackedOutput& out) {
  HeapEvent event;
  while (events.next(event)) {
  }
  const RecordingFacts facts = events.facts();
  const std::vector<ProcessSample> samples = events.samples();
  HeaptrackWriter writer(out, events);
  writer.head(facts);
  events.rewind();
  std::size_t sample = 0;
  std::uint64_t ticks = 0;
  const auto pass = [&](std::uint64_t time) {
    for (; sample < samples.size() && samples[sample].time <= time; ++sample)
      writer.resident(samples[sample].resident);
    if (time / kTickNs <= ticks) return;
    ticks = time / kTickNs;
    writer.tick(time);
  };
  while (events.next(event)) {
    if (!is_plausible(event)) continue;
    pass(event.time);
    if (event.kind == HeapEvent::Kind::kResize) writer.release(event.old_address);
    if (event.kind == HeapEvent::Kind::kFree)
      writer.release(event.address);
    else
      writer.allocate(event);
  }
  pass(std::max(facts.duration, event.time));
}

}  // namespace loam::tool
