#include <fmt/format.h>

#include <map>

#include "tool/render/exports.hpp"

namespace loam::tool {

// The halves of a realloc() are a free and an allocation with `resize` 1.
void write_csv(HeapEvents& events, PackedOutput& out) {
  out.write("time_us,thread,event,address,size,alignment,stack,resize\n");
  for (HeapEvent event; events.next(event);) {
    const bool is_free = event.kind == HeapEvent::Kind::kFree;
    out.write(fmt::format("{},{},{},{:#x},{},{},{},{}\n", event.time / 1000, event.thread,
                          is_free ? "free" : "allocate", event.address, event.size,
                          is_free ? 0 : std::uint64_t{1} << event.alignment_log, event.stack,
                          event.is_half ? 1 : 0));
  }
}

// "main;work;malloc 4096"
void write_folded(HeapEvents& events, PackedOutput& out) {
  std::map<std::uint32_t, std::uint64_t> bytes;
  for (HeapEvent event; events.next(event);)
    if (event.kind != HeapEvent::Kind::kFree) bytes[event.stack] += event.size;
  std::map<std::string, std::uint64_t> lines;
  for (const auto& [stack, sum] : bytes) {
    const std::vector<SourceFrame> frames = events.frames(stack);
    std::string line;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      std::string name = frame->function.empty() ? frame->module : frame->function;
      for (char& c : name) c = c == ';' || c == '\n' ? ':' : c;
      line += (line.empty() ? "" : ";") + name;
    }
    lines[line] += sum;
  }
  for (const auto& [line, sum] : lines) out.write(fmt::format("{} {}\n", line, sum));
}

}  // namespace loam::tool
