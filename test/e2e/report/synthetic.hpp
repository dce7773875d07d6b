// A heap that never was: events of a small server with a cache that leaks, requests that come and go, an index that is built once
// and thrown away, and a table that grows by resizing. The same seed gives the same events; nothing is kept but what lives.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tool/model/heap_events.hpp"

namespace loam::test {

class SyntheticHeap : public tool::HeapEvents {
 public:
  // `hostile`: names that would be markup, or end a script, if somebody took them for it; and blocks with headers.
  SyntheticHeap(std::uint64_t events, bool hostile)
      : events_(events), hostile_(hostile), header_(hostile ? 8 : 0) {
    restart();
  }

  bool next(tool::HeapEvent& event) override;
  void rewind() override { restart(); }
  tool::RecordingFacts facts() const override;
  tool::BlockLayout layout() const override {
    return hostile_ ? tool::BlockLayout::kGlibc : tool::BlockLayout::kLoam;
  }
  std::vector<tool::ProcessSample> samples() const override { return samples_; }
  std::vector<tool::SourceFrame> frames(std::uint32_t stack) override;

 private:
  struct Block {
    std::uint64_t address;
    std::uint64_t size;
  };

  void restart();
  void plan();
  std::uint64_t room_for(std::uint64_t size) const;
  std::vector<std::uint64_t>& free_list(std::uint64_t room);
  std::uint64_t place(std::uint64_t size);
  void allocate(std::uint32_t stack, std::uint64_t size, std::vector<Block>* keep);
  void release(std::vector<Block>& from, std::size_t index);
  void request();
  void sample();

  std::uint64_t events_;
  bool hostile_;
  std::uint64_t header_;
  std::mt19937_64 random_;
  std::vector<tool::HeapEvent> ready_;
  std::size_t taken_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t time_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t top_ = 0;
  std::uint64_t most_ = 0;
  std::uint64_t crossings_ = 0;
  std::uint64_t next_sample_ = 0;
  Block table_{};
  std::vector<std::vector<std::uint64_t>> free_;  // by size class
  std::vector<Block> cache_;
  std::vector<Block> sessions_;
  std::vector<Block> index_;
  std::vector<tool::ProcessSample> samples_;
};

}  // namespace loam::test
