// What heaptrack wrote, as a recording: the text that heaptrack_interpret makes, packed or not, in versions 1 to 3.
//
// Such a file says of a free only of which kind (size and stack) the block was: the one allocated last is taken, which is right for
// temporary blocks. It holds no addresses, so each block gets one that is made up, and neither threads nor alignments.
// Not for sharing between threads. Memory: strings, stacks and kinds of the file, and the live blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tool/model/heap_events.hpp"
#include "tool/model/packed_lines.hpp"

namespace loam::tool {

// Whether the file begins as one, unpacked.
bool is_heaptrack(const std::string& path);

class HeaptrackEvents : public HeapEvents {
 public:
  // Throws Failure when the file cannot be read, is not heaptrack's, or of a version or kind that is not known.
  explicit HeaptrackEvents(const std::string& path);

  bool next(HeapEvent& event) override;
  void rewind() override;
  RecordingFacts facts() const override;
  std::vector<ProcessSample> samples() const override { return samples_; }
  std::vector<SourceFrame> frames(std::uint32_t stack) override;

  // Lines that make no sense, and frees of blocks that are not there.
  std::uint64_t skipped() const { return skipped_; }

 private:
  struct Place {
    std::uint64_t address = 0;
    std::uint32_t module = 0;          // a string
    std::vector<std::uint32_t> lines;  // function, file, line; innermost first
  };
  struct Trace {
    std::uint32_t place = 0;   // from 1
    std::uint32_t parent = 0;  // an earlier one; 0: none
  };
  struct Kind {
    std::uint64_t size = 0;
    std::uint32_t trace = 0;
    std::vector<std::uint64_t> live;  // addresses, the youngest last
    std::vector<std::uint64_t> free;
  };

  void open();
  bool allocate(Kind& kind, HeapEvent& event);
  bool release(Kind& kind, HeapEvent& event);
  bool tell(char mode, std::string_view rest);
  bool add_string(std::string_view rest);
  bool add_place(std::string_view rest);
  const std::string& string(std::uint32_t number) const;

  std::string path_;
  PackedLines lines_;
  std::uint64_t version_ = 0;
  std::string program_;
  std::uint64_t page_ = 4096;
  std::uint64_t time_ = 0;  // nanoseconds
  std::uint64_t next_address_ = 0;
  bool attached_ = false;
  std::vector<std::string> strings_;
  std::vector<Place> places_;
  std::vector<Trace> traces_;
  std::vector<Kind> kinds_;
  std::vector<ProcessSample> samples_;
  std::uint64_t skipped_ = 0;
};

}  // namespace loam::tool
