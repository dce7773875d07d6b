#include "tool/render/report_frames.hpp"

#include <fmt/format.h>

#include "tool/render/frames.hpp"

namespace loam::tool {
namespace {

// Longer names are those of templates; nobody reads on there.
constexpr std::size_t kMostName = 400;

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string name_of(const SourceFrame& frame) {
  if (frame.function.empty()) return frame_name(frame);
  std::string name = short_name(frame.function);
  if (name.size() > kMostName) name.replace(kMostName, std::string::npos, "...");
  return name;
}

bool is_library(const SourceFrame& frame) {
  static constexpr const char* kBegins[] = {"std::", "void std::", "__gnu_cxx::", "operator new",
                                            "void* std::"};
  for (const char* begin : kBegins) {
    if (frame.function.starts_with(begin)) return true;
  }
  return frame.file.find("/include/c++/") != std::string::npos ||
         base_name(frame.module).starts_with("libstdc++.so");
}

}  // namespace

std::uint32_t ReportFrames::string(const std::string& text) {
  const auto [at, is_new] = string_numbers_.try_emplace(text, static_cast<std::uint32_t>(strings_.size()));
  if (is_new) strings_.push_back(text);
  return at->second;
}

std::uint32_t ReportFrames::frame(const SourceFrame& source) {
  const Frame frame{string(name_of(source)), string(source.file),
                    static_cast<std::uint32_t>(std::max(source.line, 0)), string(base_name(source.module))};
  const auto [at, is_new] = frame_numbers_.try_emplace(frame, static_cast<std::uint32_t>(frames_.size()));
  if (is_new) frames_.push_back(frame);
  return at->second;
}

std::uint32_t ReportFrames::add(const std::vector<SourceFrame>& frames) {
  std::uint32_t node = 0;
  for (auto at = frames.rbegin(); at != frames.rend(); ++at) {
    const std::pair<std::uint32_t, std::uint32_t> key{node, frame(*at)};
    const auto [found, is_new] =
        node_numbers_.try_emplace(key, static_cast<std::uint32_t>(nodes_.size()) + 1);
    if (is_new) nodes_.push_back(key);
    node = found->second;
  }
  return node;
}

std::uint32_t ReportFrames::label(const std::vector<SourceFrame>& frames) {
  for (const SourceFrame& some : frames) {
    if (!is_library(some)) return frame(some);
  }
  return frame(frames.front());
}

void ReportFrames::write(ReportColumns& columns, Json& head) const {
  head["strings"] = strings_;
  columns.numbers_of("frame.function", frames_, [](const Frame& f) { return std::get<0>(f); });
  columns.numbers_of("frame.file", frames_, [](const Frame& f) { return std::get<1>(f); });
  columns.numbers_of("frame.line", frames_, [](const Frame& f) { return std::get<2>(f); });
  columns.numbers_of("frame.module", frames_, [](const Frame& f) { return std::get<3>(f); });
  columns.numbers_of("node.parent", nodes_, [](const auto& node) { return node.first; });
  columns.numbers_of("node.frame", nodes_, [](const auto& node) { return node.second; });
}

}  // namespace loam::tool
