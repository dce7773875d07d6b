// What mtrace() of the C library wrote, as a recording, packed or not. It tells the caller of each call but neither thread nor time: each
// event takes a microsecond here.
// Not for sharing between threads. Memory: the callers, and the addresses of the live blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tool/model/heap_events.hpp"
#include "tool/model/live_blocks.hpp"
#include "tool/model/mtrace_lines.hpp"
#include "tool/model/packed_lines.hpp"

namespace loam::tool {

// Whether the file begins as one, unpacked.
bool is_mtrace(const std::string& path);

class MtraceEvents : public HeapEvents {
 public:
  // Throws Failure when the file cannot be read or is none of mtrace's.
  explicit MtraceEvents(const std::string& path);

  bool next(HeapEvent& event) override;
  void rewind() override;
  RecordingFacts facts() const override;
  BlockLayout layout() const override { return BlockLayout::kGlibc; }
  std::vector<ProcessSample> samples() const override { return {}; }
  std::vector<SourceFrame> frames(std::uint32_t stack) override;

 private:
  bool read(const MtraceLine& line, HeapEvent& event);
  bool allocate(const MtraceLine& line, HeapEvent& event);
  std::uint32_t stack_of(std::string_view caller);

  std::string path_;
  PackedLines lines_;
  std::vector<std::string> callers_;  // of a stack's number, from 1
  std::unordered_map<std::string, std::uint32_t> stacks_;
  LiveBlocks<std::uint8_t> live_;
  std::uint64_t old_address_ = 0;     // of a realloc() whose second half was not read yet; 0: none
  std::optional<HeapEvent> waiting_;  // that second half
  std::uint64_t count_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace loam::tool
