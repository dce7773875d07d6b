#include "tool/render/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {

Palette Palette::for_file(std::FILE* file) {
  const char* terminal = environment("TERM");
  const char* none = environment("NO_COLOR");
  const bool dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  return Palette(isatty(fileno(file)) == 1 && !dumb && (none == nullptr || none[0] == '\0'));
}

std::string Palette::paint(Style style, const std::string& text) const {
  if (!colour_ || style == Style::kPlain) return text;
  constexpr std::array kCodes = {"0", "1", "2", "32", "33", "31"};
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<std::size_t>(style)], text);
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

std::string with_thousands(std::uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string counted(std::uint64_t number, const std::string& noun) {
  return with_thousands(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string human_ns(double nanoseconds) {
  if (nanoseconds < 1e3) return fmt::format("{:.0f} ns", nanoseconds);
  if (nanoseconds < 1e6) return fmt::format("{:.2f} us", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return fmt::format("{:.2f} ms", nanoseconds / 1e6);
  return fmt::format("{:.2f} s", nanoseconds / 1e9);
}

std::string percent(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : std::string("-");
}

void Table::row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::string Table::text(const std::string& indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += i == 0 || left_ == i ? fmt::format("{:<{}}", row[i], widths[i])
                                   : fmt::format("{:>{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

void write_output(const std::string& path, std::FILE* otherwise, const std::string& text) {
  const std::string name = path.empty() ? "the output" : "'" + path + "'";
  std::FILE* file = path.empty() ? otherwise : std::fopen(path.c_str(), "we");
  if (file == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot write {}: {}", name, error_text(errno)));
  const bool written =
      std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
  const int error = errno;
  if (!path.empty()) std::fclose(file);
  if (!written) throw Failure(kExitFailure, fmt::format("cannot write {}: {}", name, error_text(error)));
}

}  // namespace loam::tool
