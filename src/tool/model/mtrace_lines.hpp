// A line that mtrace() of the C library writes: "@ ./program:(main+0x1b)[0x401136] + 0x1c6a2a0 0x18". Keeps nothing; refers into the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace loam::tool {

enum class MtraceWord : std::uint8_t { kAllocate, kFree, kResizeFrom, kResizeTo, kResizeRefused };

struct MtraceLine {
  MtraceWord word = MtraceWord::kAllocate;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::string_view caller;  // what stands before, without the @
};

inline constexpr std::string_view kMtraceHead = "= Start";  // of the first line

// Nothing if the line makes no sense.
std::optional<MtraceLine> read_mtrace_line(std::string_view line);

}  // namespace loam::tool
