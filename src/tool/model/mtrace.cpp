#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/operations.hpp"

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
constexpr std::size_t kLongestLine = 1U << 16;

std::optional<std::uint64_t> hexadecimal(std::string_view word) {
  if (word.starts_with("0x")) word.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  if (error != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  return value;
}

// The last three words: where the call came from may hold any.
struct Tail {
  std::array<std::string_view, 3> words;  // the last one first
};

Tail tail_of(std::string_view line) {
  Tail tail;
  for (std::string_view& word : tail.words) {
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
    const std::size_t space = line.rfind(' ');
    const std::size_t from = space == std::string_view::npos ? 0 : space + 1;
    word = line.substr(from);
    line = line.substr(0, from);
  }
  return tail;
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class MtraceReader : public OperationSource {
 public:
  explicit MtraceReader(const std::string& path)
      : file_(std::fopen(path.c_str(), "re")), line_(kLongestLine) {
    if (file_ == nullptr) throw Failure(kExitFailure, fmt::format("{}: {}", path, error_text(errno)));
    if (std::fgets(line_.data(), static_cast<int>(line_.size()), file_.get()) == nullptr ||
        !std::string_view(line_.data()).starts_with("= Start"))
      throw Failure(kExitFailure, fmt::format("{}: neither a recording nor the output of mtrace", path));
  }

  void next(std::vector<Operation>& piece) override {
    piece.clear();
    while (piece.size() < kPiece &&
           std::fgets(line_.data(), static_cast<int>(line_.size()), file_.get()) != nullptr) {
      std::string_view line(line_.data());
      while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
      if (!line.empty() && line.front() != '=' && !read(line, piece)) ++skipped_;
    }
  }
  std::uint64_t skipped() const override { return skipped_; }

 private:
  bool read(std::string_view line, std::vector<Operation>& piece) {
    const Tail tail = tail_of(line);
    const auto last = hexadecimal(tail.words[0]);
    const auto address = hexadecimal(tail.words[1]);
    const bool sized = tail.words[2] == "+" || tail.words[2] == ">" || tail.words[2] == "!";
    if (!last) return false;
    if (sized && address)
      return tail.words[2] == "!" ? keep(piece) : add(tail.words[2] == ">", *address, *last, piece);
    if (tail.words[1] == "-") return release(*last, piece);
    if (tail.words[1] != "<") return false;
    // The old half of a realloc; the new one follows.
    old_ = numbers_.take(*last, resized_);
    old_address_ = *last;
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

  std::unique_ptr<std::FILE, Close> file_;
  std::vector<char> line_;
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
