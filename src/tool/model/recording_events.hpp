// A recording as a report reads it.
// Not for sharing between threads.
#pragma once

#include <string>

#include "tool/model/heap_events.hpp"
#include "tool/model/recording_reader.hpp"

namespace loam::tool {

class RecordingEvents : public HeapEvents {
 public:
  // Throws Failure as RecordingReader.
  explicit RecordingEvents(const std::string& path) : path_(path), reader_(path) {}

  bool next(HeapEvent& event) override;
  void rewind() override { reader_.rewind(); }
  RecordingFacts facts() const override;
  BlockLayout layout() const override { return BlockLayout::kLoam; }
  std::vector<ProcessSample> samples() const override;
  std::vector<SourceFrame> frames(std::uint32_t stack) override;
  std::vector<ModuleMapping> mappings() const override;
  std::vector<SourceModule> modules() const override { return reader_.stacks().modules(); }
  void look_in_all(const std::string& paths) override;

 private:
  std::string path_;
  RecordingReader reader_;
  Symbols symbols_;
  std::uint64_t last_ = 0;  // time
};

}  // namespace loam::tool
