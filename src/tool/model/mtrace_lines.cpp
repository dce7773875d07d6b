#include "tool/model/mtrace_lines.hpp"

#include <array>
#include <charconv>

namespace loam::tool {
namespace {

std::optional<std::uint64_t> hexadecimal(std::string_view word) {
  if (word.starts_with("0x")) word.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  if (error != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  return value;
}

// The last three words, the last one first; and where the call came from, which may hold any.
struct Tail {
  std::array<std::string_view, 3> words;
  std::array<std::string_view, 3> before;
};

Tail tail_of(std::string_view line) {
  Tail tail;
  for (std::size_t i = 0; i < tail.words.size(); ++i) {
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
    const std::size_t space = line.rfind(' ');
    const std::size_t from = space == std::string_view::npos ? 0 : space + 1;
    tail.words[i] = line.substr(from);
    tail.before[i] = line = line.substr(0, from);
  }
  return tail;
}

std::string_view caller_of(std::string_view before) {
  if (before.starts_with("@")) before.remove_prefix(1);
  while (before.starts_with(" ")) before.remove_prefix(1);
  while (before.ends_with(" ")) before.remove_suffix(1);
  return before;
}

}  // namespace

std::optional<MtraceLine> read_mtrace_line(std::string_view line) {
  const Tail tail = tail_of(line);
  const auto last = hexadecimal(tail.words[0]);
  const auto address = hexadecimal(tail.words[1]);
  if (!last) return std::nullopt;
  const std::string_view sized = tail.words[2];
  if (address && (sized == "+" || sized == ">" || sized == "!")) {
    const MtraceWord word = sized == "+"   ? MtraceWord::kAllocate
                            : sized == ">" ? MtraceWord::kResizeTo
                                           : MtraceWord::kResizeRefused;
    return MtraceLine{word, *address, *last, caller_of(tail.before[2])};
  }
  if (tail.words[1] != "-" && tail.words[1] != "<") return std::nullopt;
  const MtraceWord word = tail.words[1] == "-" ? MtraceWord::kFree : MtraceWord::kResizeFrom;
  return MtraceLine{word, *last, 0, caller_of(tail.before[1])};
}

}  // namespace loam::tool
