// A file, or standard output, that is written in pieces and packed on the way: an export may be larger than memory.
// Not for sharing between threads. Throws Failure when it cannot be written.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace loam::tool {

enum class Packing { kNone, kGzip, kZstd };

// By the name's end: .gz, .zst, or anything else.
Packing packing_for(const std::string& path);

class PackedOutput {
 public:
  // Empty: standard output.
  PackedOutput(const std::string& path, Packing packing);
  ~PackedOutput();
  PackedOutput(const PackedOutput&) = delete;
  PackedOutput& operator=(const PackedOutput&) = delete;

  void write(std::string_view text);
  // Nothing may be written afterwards.
  void finish();

 private:
  struct Gzip;
  struct Zstd;
  void flush(bool end);
  void put(const char* data, std::size_t bytes);
  [[noreturn]] void fail() const;

  std::string path_;
  std::FILE* file_;
  std::string waiting_;
  std::unique_ptr<Gzip> gzip_;
  std::unique_ptr<Zstd> zstd_;
};

}  // namespace loam::tool
