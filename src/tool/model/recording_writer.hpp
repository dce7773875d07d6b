// Writes a recording (format/recording.hpp), block by block as they fill up.
// Not for sharing between threads. Throws Failure when the file cannot be written; what was written before can be read.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "format/recording.hpp"
#include "tool/model/recording_codec.hpp"

struct ZSTD_CCtx_s;

namespace loam::tool {

class RecordingWriter {
 public:
  // `facts`: JSON. An existing file is overwritten.
  RecordingWriter(const std::string& path, const std::string& facts);

  void add(const RecordedEvent& event);
  void expect(std::uint64_t address) const { packer_.expect(address); }
  // Records as in format/stacks.hpp, whole ones.
  void describe(const char* records, std::size_t bytes);
  void sample(const format::RecordingSample& sample);
  // `facts`: JSON on how it ended. Nothing may be added afterwards.
  void finish(const std::string& facts);

  std::uint64_t events() const { return events_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  void flush();
  void write_block(format::BlockKind kind, const std::string& plain, std::uint32_t count);
  void write_events();
  void pack(std::string_view part);
  void write_packed(format::BlockHead& head);
  void write(const void* data, std::size_t bytes);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct FreeZstd {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::unique_ptr<ZSTD_CCtx_s, FreeZstd> zstd_;
  std::string packed_;  // of the block that is being written
  EventPacker packer_;
  std::string descriptions_;
  std::string samples_;
  std::uint32_t sample_count_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t written_ = 0;  // of them, in blocks
  std::uint64_t bytes_ = 0;
};

}  // namespace loam::tool
