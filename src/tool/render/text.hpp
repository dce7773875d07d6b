// Text for people: numbers that line up, byte counts that read well, colour only where a terminal shows it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace loam::tool {

enum class Style { kPlain, kBold, kDim, kGood, kWarn, kBad };

// Wraps text in the terminal's colour codes, or not. One instance per output.
class Palette {
 public:
  explicit Palette(bool colour) : colour_(colour) {}
  // Colour if `file` is a terminal, TERM is not dumb and NO_COLOR is not set.
  static Palette for_file(std::FILE* file);
  std::string paint(Style style, const std::string& text) const;

 private:
  bool colour_;
};

// Names from elsewhere may hold anything: what would move a terminal's cursor or colour is shown as '?'.
std::string printable(std::string text);

std::string with_thousands(std::uint64_t number);                    // 1234567 -> "1,234,567"
std::string counted(std::uint64_t number, const std::string& noun);  // 1, "heap" -> "1 heap", 2 -> "2 heaps"
std::string human_bytes(std::uint64_t bytes);                        // 1536 -> "1.5 KiB"
std::string human_ns(double nanoseconds);                            // 2400 -> "2.40 us"
std::string percent(double part, double whole);                      // "12.3 %", "-" if whole is 0

// Rows of cells in columns: the first column to the left, the others to the right.
class Table {
 public:
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // The column whose cells are set to the left as well, in addition to the first: for remarks at the end.
  void left(std::size_t column) { left_ = column; }
  std::string text(const std::string& indent) const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::optional<std::size_t> left_;
};

// Writes to FILE, or to `otherwise` if the path is empty. Throws Failure when that fails.
void write_output(const std::string& path, std::FILE* otherwise, const std::string& text);

}  // namespace loam::tool
