// The lines of a text file that may be packed by gzip or zstd, which its first bytes tell.
// Not for sharing between threads. Memory: a piece, and the longest line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace loam::tool {

class PackedLines {
 public:
  // Throws Failure when the file cannot be read.
  explicit PackedLines(const std::string& path);
  ~PackedLines();
  PackedLines(const PackedLines&) = delete;
  PackedLines& operator=(const PackedLines&) = delete;

  // The line without its end, good until the next call. False at the end of the file, or where it is damaged.
  bool next(std::string_view& line);
  void rewind();
  // Why the file could not be read to its end; empty: it could.
  const std::string& damage() const { return damage_; }

 private:
  struct Gzip;
  struct Zstd;
  bool fill();
  std::size_t read(char* out, std::size_t bytes);

  std::string path_;
  std::unique_ptr<Gzip> gzip_;
  std::unique_ptr<Zstd> zstd_;
  std::string text_;
  std::size_t at_ = 0;
  bool ended_ = false;
  std::string damage_;
};

}  // namespace loam::tool
