#include "tool/render/frames.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kFramesShown = 16;

ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

}  // namespace

std::string source_line(const SourceFrame& frame) {
  if (frame.file.empty() || frame.line <= 0) return {};
  std::ifstream file(frame.file);
  std::string line;
  for (int i = 0; i < frame.line && std::getline(file, line); ++i) {
  }
  return file ? std::string(trim(line)) : std::string();
}

std::string frame_text(const SourceFrame& frame) {
  const std::string module = std::filesystem::path(frame.module).filename().string();
  if (!frame.file.empty()) {
    return fmt::format("{} ({}:{})", frame.function.empty() ? "??" : frame.function,
                       std::filesystem::path(frame.file).filename().string(), frame.line);
  }
  if (module.empty()) return fmt::format("{:#x}", frame.address);
  return frame.function.empty() ? fmt::format("{}+{:#x}", module, frame.offset)
                                : fmt::format("{} ({}+{:#x})", frame.function, module, frame.offset);
}

ordered_json frame_json(const SourceFrame& frame) {
  return {{"function", text_or_null(frame.function)},
          {"file", text_or_null(frame.file)},
          {"line", frame.line > 0 ? ordered_json(frame.line) : ordered_json(nullptr)},
          {"module", text_or_null(frame.module)},
          {"address", fmt::format("{:#x}", frame.address)},
          {"offset", fmt::format("{:#x}", frame.offset)},
          {"inlined", frame.inlined}};
}

std::string frames_text(const CallStacks::Text& stack, const std::string& indent, const Palette& palette) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < stack.frames.size() && i < kFramesShown; ++i) {
    const SourceFrame& frame = stack.frames[i];
    out += fmt::format("{}{} {}{}\n", indent, i == 0 ? "at" : "by", frame_text(frame),
                       frame.inlined ? " (inlined)" : "");
    const std::string line = quoted ? std::string() : source_line(frame);
    if (line.empty()) continue;
    out += indent + "     " + palette.paint(Style::kDim, "| " + line) + "\n";
    quoted = true;
  }
  const std::size_t hidden = stack.frames.size() > kFramesShown ? stack.frames.size() - kFramesShown : 0;
  if (hidden + stack.left_out > 0) out += fmt::format("{}and {} more\n", indent, hidden + stack.left_out);
  if (!stack.complete) out += indent + "and callers that could not be followed\n";
  return out;
}

ordered_json frames_json(const CallStacks::Text& stack) {
  ordered_json frames = ordered_json::array();
  for (const SourceFrame& frame : stack.frames) frames.push_back(frame_json(frame));
  return {{"frames", frames}, {"left_out", stack.left_out}, {"complete", stack.complete}};
}

}  // namespace loam::tool
