#include "tool/render/frames.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kFramesShown = 16;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// Behind the bracket that closes the one before `at`; npos if there is none.
std::size_t behind_closing(const std::string& text, std::size_t at) {
  for (unsigned depth = 1; at < text.size(); ++at) {
    depth += text[at] == '<' ? 1u : 0u;
    depth -= text[at] == '>' ? 1u : 0u;
    if (depth == 0) return at + 1;
  }
  return std::string::npos;
}

void drop_allocators(std::string& text) {
  constexpr std::string_view kStart = ", std::allocator<";
  for (std::size_t at = text.find(kStart); at != std::string::npos; at = text.find(kStart, at)) {
    const std::size_t end = behind_closing(text, at + kStart.size());
    if (end == std::string::npos) return;
    text.erase(at, end - at);
    if (at < text.size() && text[at] == ' ' && at + 1 < text.size() && text[at + 1] == '>') text.erase(at, 1);
  }
}

bool is_library(const SourceFrame& frame) { return frame.file.find("/include/c++/") != std::string::npos; }

}  // namespace

std::string short_name(const std::string& function) {
  constexpr std::size_t kMost = 90;
  std::string name = function;
  replace_all(name, "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "std::string");
  replace_all(name, "std::__cxx11::", "std::");
  drop_allocators(name);
  const std::size_t parameters = name.find('(', name.starts_with("operator()") ? 10 : 1);
  if (name.size() > kMost && parameters != std::string::npos)
    name.replace(parameters, std::string::npos, "(...)");
  return name;
}

bool is_inside_library(const std::vector<SourceFrame>& frames, std::size_t index) {
  return index + 1 < frames.size() && is_library(frames[index]) && is_library(frames[index + 1]);
}

std::string source_line(const SourceFrame& frame) {
  if (frame.file.empty() || frame.line <= 0) return {};
  std::ifstream file(frame.file);
  std::string line;
  for (int i = 0; i < frame.line && std::getline(file, line); ++i) {
  }
  return file ? std::string(trim(line)) : std::string();
}

namespace {

std::string raw_text(const SourceFrame& frame) {
  const std::string module = std::filesystem::path(frame.module).filename().string();
  if (!frame.file.empty()) {
    return fmt::format("{} ({}:{})", frame.function.empty() ? "??" : short_name(frame.function),
                       std::filesystem::path(frame.file).filename().string(), frame.line);
  }
  if (module.empty()) return fmt::format("{:#x}", frame.address);
  return frame.function.empty()
             ? fmt::format("{}+{:#x}", module, frame.offset)
             : fmt::format("{} ({}+{:#x})", short_name(frame.function), module, frame.offset);
}

}  // namespace

std::string frame_text(const SourceFrame& frame) { return printable(raw_text(frame)); }

std::string frame_name(const SourceFrame& frame) {
  if (!frame.function.empty()) return frame.function;
  const std::string module = frame.module.substr(frame.module.rfind('/') + 1);
  if (module.empty()) return fmt::format("{:#x}", frame.address);
  // A file of another tool may know the address alone.
  return frame.offset == 0 ? fmt::format("{} at {:#x}", module, frame.address)
                           : fmt::format("{}+{:#x}", module, frame.offset);
}

Json frame_json(const SourceFrame& frame) {
  return {{"function", text_or_null(frame.function)},
          {"file", text_or_null(frame.file)},
          {"line", frame.line > 0 ? Json(frame.line) : Json(nullptr)},
          {"module", text_or_null(frame.module)},
          {"address", fmt::format("{:#x}", frame.address)},
          {"offset", fmt::format("{:#x}", frame.offset)},
          {"inlined", frame.inlined}};
}

std::string frames_text(const CallStacks::Text& stack, const std::string& indent, const Palette& palette,
                        Quote quote) {
  std::string out;
  bool quoted = quote == Quote::kNone;
  bool whole = false;  // what calls main is the same everywhere
  for (std::size_t i = 0; i < stack.frames.size() && i < kFramesShown && !whole; ++i) {
    const SourceFrame& frame = stack.frames[i];
    if (is_inside_library(stack.frames, i)) continue;
    out += fmt::format("{}{} {}{}\n", indent, out.empty() ? "at" : "by", frame_text(frame),
                       frame.inlined ? " (inlined)" : "");
    whole = frame.function == "main";
    const std::string line = quoted ? std::string() : source_line(frame);
    if (line.empty()) continue;
    out += indent + "     " + palette.paint(Style::kDim, "| " + line) + "\n";
    quoted = true;
  }
  if (whole) return out;
  const std::size_t hidden = stack.frames.size() > kFramesShown ? stack.frames.size() - kFramesShown : 0;
  if (hidden + stack.left_out > 0) out += fmt::format("{}and {} more\n", indent, hidden + stack.left_out);
  if (!stack.complete) out += indent + "and callers that could not be followed\n";
  return out;
}

Json frames_json(const CallStacks::Text& stack) {
  Json frames = Json::array();
  for (const SourceFrame& frame : stack.frames) frames.push_back(frame_json(frame));
  return {{"frames", frames}, {"left_out", stack.left_out}, {"complete", stack.complete}};
}

}  // namespace loam::tool
