// Reads a recording (format/recording.hpp), a block at a time. Of a file that is cut short or damaged all blocks are read that are whole:
// remark() then says what is missing.
// Not for sharing between threads. Memory: a block and its history, the stacks and the samples.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "format/recording.hpp"
#include "tool/model/call_stacks.hpp"
#include "tool/model/recording_codec.hpp"

namespace loam::tool {

// Whether the file begins as one.
bool is_recording(const std::string& path);

class RecordingReader {
 public:
  // Throws Failure when the file cannot be read, is no recording, or of another version.
  explicit RecordingReader(const std::string& path);

  // False at the end.
  bool next(RecordedEvent& event);
  void rewind();

  // JSON; `end` is empty until the end has been reached, and if there is none.
  const std::string& facts() const { return facts_; }
  const std::string& end() const { return end_; }
  // Complete once the events have been read to their end.
  const std::vector<format::RecordingSample>& samples() const { return samples_; }
  const CallStacks& stacks() const { return stacks_; }
  std::uint64_t events() const { return events_; }  // read so far
  // Empty: nothing was missing so far.
  std::string remark() const;

 private:
  bool next_block();
  bool read_head(format::BlockHead& head);
  bool find_head(format::BlockHead& head, long from);
  bool read_content(const format::BlockHead& head, std::string& plain);
  void take_block(const format::BlockHead& head, std::string plain);
  void note_missing(const format::BlockHead& head);
  bool stop(const std::string& why);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string facts_;
  std::string end_;
  std::string stopped_;  // why
  std::string missing_;  // which parts of time
  std::uint64_t missing_events_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t damaged_ = 0;   // blocks
  std::uint64_t expected_ = 0;  // events that must be before the next block
  std::uint64_t last_us_ = 0;
  long damaged_at_ = -1;  // where the content of a damaged block begins that has not been passed by
  bool done_ = false;
  EventUnpacker unpacker_;
  std::vector<format::RecordingSample> samples_;
  CallStacks stacks_;
  std::uint64_t events_ = 0;
};

}  // namespace loam::tool
