#include <fmt/format.h>

#include <string_view>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/mtrace_lines.hpp"
#include "tool/model/operations.hpp"
#include "tool/model/packed_lines.hpp"

namespace loam::tool {

std::uint32_t BlockNumbers::add(std::uint64_t address) {
  std::uint32_t number = next_;
  if (unused_.empty()) {
    ++next_;
  } else {
    number = unused_.back();
    unused_.pop_back();
  }
  name(address, number);
  return number;
}

namespace {

constexpr std::size_t kPiece =
    1U << 16;  // reading pushes the tables of a replay out of the cache: not too often

class MtraceReader : public OperationSource {
 public:
  explicit MtraceReader(const std::string& path) : lines_(path) {
    std::string_view line;
    if (!lines_.next(line) || !line.starts_with(kMtraceHead))
      throw Failure(kExitFailure,
                    fmt::format("{}: neither a recording nor the output of heaptrack or mtrace", path));
  }

  void next(std::vector<Operation>& piece) override {
    piece.clear();
    std::string_view line;
    while (piece.size() < kPiece && lines_.next(line)) {
      line = trim(line);
      if (!line.empty() && line.front() != '=' && !read(line, piece)) ++skipped_;
    }
  }
  std::uint64_t skipped() const override { return skipped_; }

 private:
  bool read(std::string_view line, std::vector<Operation>& piece) {
    const auto told = read_mtrace_line(line);
    if (!told) return false;
    switch (told->word) {
      case MtraceWord::kAllocate:
      case MtraceWord::kResizeTo:
        return add(told->word == MtraceWord::kResizeTo, told->address, told->size, piece);
      case MtraceWord::kFree:
        return release(told->address, piece);
      case MtraceWord::kResizeFrom:
        break;
      case MtraceWord::kResizeRefused:
        return keep(piece);
    }
    // The new half follows.
    old_ = numbers_.take(told->address, resized_);
    old_address_ = told->address;
    return old_;
  }
  // A realloc that failed: the block is what it was.
  bool keep(std::vector<Operation>&) {
    if (old_) numbers_.name(old_address_, resized_);
    old_ = false;
    return true;
  }
  bool add(bool resize, std::uint64_t address, std::uint64_t size, std::vector<Operation>& piece) {
    if (address == 0) return true;  // out of memory: nothing was made
    std::uint32_t stale = 0;
    if (numbers_.take(address, stale)) {
      // Its free was not seen.
      piece.push_back({0, stale, OperationKind::kRelease, 0});
      numbers_.give(stale);
      ++skipped_;
    }
    if (resize && old_) {
      old_ = false;
      numbers_.name(address, resized_);
      piece.push_back({size, resized_, OperationKind::kResize, 0});
    } else {
      piece.push_back({size, numbers_.add(address), OperationKind::kAllocate, 0});
    }
    return true;
  }
  bool release(std::uint64_t address, std::vector<Operation>& piece) {
    std::uint32_t number = 0;
    if (!numbers_.take(address, number)) return false;
    piece.push_back({0, number, OperationKind::kRelease, 0});
    numbers_.give(number);
    return true;
  }

  PackedLines lines_;
  BlockNumbers numbers_;
  std::uint64_t skipped_ = 0;
  bool old_ = false;
  std::uint32_t resized_ = 0;
  std::uint64_t old_address_ = 0;
};

}  // namespace

std::unique_ptr<OperationSource> open_mtrace(const std::string& path) {
  return std::make_unique<MtraceReader>(path);
}

}  // namespace loam::tool
