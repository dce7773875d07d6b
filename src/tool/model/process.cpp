#include "tool/model/process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

// Fields of /proc/PID/stat from the third on: the second holds the name, which may contain anything but its last ')'.
std::vector<std::string> stat_fields(std::uint64_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/stat", pid));
  if (!text) return {};
  const std::size_t end = text->rfind(')');
  if (end == std::string::npos || end + 2 > text->size()) return {};
  return split(trim(std::string_view(*text).substr(end + 2)), ' ');
}

bool has_signal(std::string_view mask, int signal) {
  std::uint64_t bits = 0;
  mask = trim(mask);
  std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
  return ((bits >> (signal - 1)) & 1U) != 0;
}

}  // namespace

std::optional<std::uint64_t> start_ticks(std::uint64_t pid) {
  const std::vector<std::string> fields = stat_fields(pid);
  return fields.size() > 19 ? to_number(fields[19]) : std::nullopt;
}

bool is_alive(std::uint64_t pid, std::uint64_t ticks) {
  const std::vector<std::string> fields = stat_fields(pid);
  if (fields.size() <= 19 || fields[0] == "Z" || fields[0] == "X") return false;
  return ticks == 0 || to_number(fields[19]) == ticks;
}

std::optional<std::string> mapped_library(std::uint64_t pid, const std::string& prefix, bool& readable) {
  const auto maps = read_file(fmt::format("/proc/{}/maps", pid), std::size_t{1} << 28);
  readable = maps.has_value();
  if (!maps) return std::nullopt;
  for (const std::string& line : split(*maps, '\n')) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos) continue;
    const std::size_t name = line.rfind('/') + 1;
    if (line.compare(name, prefix.size(), prefix) == 0) return line.substr(path);
  }
  return std::nullopt;
}

std::optional<SignalState> signal_state(std::uint64_t pid, int signal) {
  const auto text = read_file(fmt::format("/proc/{}/status", pid));
  if (!text) return std::nullopt;
  SignalState state;
  for (const std::string& line : split(*text, '\n')) {
    const std::string_view view = line;
    if (view.starts_with("SigCgt:")) state.caught = has_signal(view.substr(7), signal);
    if (view.starts_with("SigBlk:")) state.blocked = has_signal(view.substr(7), signal);
  }
  return state;
}

std::optional<bool> same_namespace(std::uint64_t pid, const std::string& kind) {
  const std::string there = read_link(fmt::format("/proc/{}/ns/{}", pid, kind));
  const std::string here = read_link("/proc/self/ns/" + kind);
  if (there.empty() || here.empty()) return std::nullopt;
  return there == here;
}

}  // namespace loam::tool
