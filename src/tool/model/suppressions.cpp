#include "tool/model/suppressions.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

// What others call the kinds. Empty: one of theirs that is not looked for here.
std::string kind_of(std::string_view word) {
  static const std::map<std::string, std::string, std::less<>> kKinds = {
      {"leak", "leak"},
      {"Leak", "leak"},
      {"growth", "growth"},
      {"Free", "invalid-free"},
      {"invalid-free", "invalid-free"},
      {"double-free", "double-free"},
      {"mismatched-free", "mismatched-free"},
      {"overflow", "overflow"},
      {"underflow", "underflow"},
      {"use-after-free", "use-after-free"},
      {"*", ""}};
  // valgrind's sizes of an access: the kind of the block is not known from them.
  if (word.starts_with("Addr") || word.starts_with("Jump")) return "";
  const auto at = kKinds.find(word);
  return at == kKinds.end() ? "?" : at->second;
}

bool matches_frame(const std::string& pattern, const SourceFrame& frame) {
  if (pattern.starts_with("fun:"))
    return matches_pattern(pattern.substr(4), frame.function) ||
           matches_pattern(pattern.substr(4), frame.linkage);
  if (pattern.starts_with("obj:")) return matches_pattern(pattern.substr(4), frame.module);
  if (pattern.starts_with("src:"))
    return matches_pattern("*" + pattern.substr(4), fmt::format("{}:{}", frame.file, frame.line));
  const std::string inside = "*" + pattern + "*";
  return matches_pattern(inside, frame.function) || matches_pattern(inside, frame.file) ||
         matches_pattern(inside, frame.module);
}

bool matches_chain(const std::vector<std::string>& patterns, std::size_t p,
                   const std::vector<SourceFrame>& frames, std::size_t f) {
  if (p == patterns.size()) return true;
  if (patterns[p] == "...") {
    for (std::size_t skip = f; skip <= frames.size(); ++skip) {
      if (matches_chain(patterns, p + 1, frames, skip)) return true;
    }
    return false;
  }
  return f < frames.size() && matches_frame(patterns[p], frames[f]) &&
         matches_chain(patterns, p + 1, frames, f + 1);
}

// valgrind's stacks begin with the function that allocated, which is none of ours.
bool is_allocator(const std::string& pattern) {
  static const std::set<std::string, std::less<>> kNames = {
      "malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "valloc", "free"};
  if (!pattern.starts_with("fun:")) return false;
  const std::string name = pattern.substr(4);
  return kNames.count(name) != 0 || name.starts_with("_Znw") || name.starts_with("_Zna") ||
         name.starts_with("_Zdl") || name.starts_with("_Zda") || name.starts_with("operator new") ||
         name.starts_with("operator delete") || name == "*alloc";
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void Suppressions::add_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text)
    throw Failure(kExitUsage, fmt::format("cannot read the suppressions '{}': {}", path, error_text(errno)));
  add_text(*text, path);
}

void Suppressions::add_text(std::string_view text, const std::string& name) {
  std::size_t number = 0;
  std::size_t in_block = 0;  // line of a valgrind block: 1 its name, 2 its kind, then frames
  Rule block;
  for (const std::string& raw : split(text, '\n')) {
    ++number;
    const std::string line(trim(raw));
    if (line.empty() || line[0] == '#') continue;
    if (line == "{") {
      block = Rule{};
      in_block = 1;
    } else if (line == "}") {
      if (!block.patterns.empty() && is_allocator(block.patterns.front()))
        block.patterns.erase(block.patterns.begin());
      if (block.kind != "?" && !block.patterns.empty()) rules_.push_back(block);
      in_block = 0;
    } else if (in_block == 1) {
      in_block = 2;
    } else if (in_block == 2) {
      block.kind = kind_of(
          std::string_view(line).substr(line.find(':') == std::string::npos ? 0 : line.find(':') + 1));
      in_block = 3;
    } else if (in_block == 3) {
      if (line == "..." || line.starts_with("fun:") || line.starts_with("obj:") || line.starts_with("src:"))
        block.patterns.push_back(line);
    } else if (const std::size_t colon = line.find(':');
               colon != std::string::npos && kind_of(line.substr(0, colon)) != "?") {
      rules_.push_back({kind_of(line.substr(0, colon)), {line.substr(colon + 1)}, true});
    } else {
      throw Failure(kExitUsage, fmt::format("{}:{}: not a suppression: {}", name, number, line));
    }
  }
}

bool Suppressions::match(std::string_view kind, const std::vector<SourceFrame>& frames) const {
  for (const Rule& rule : rules_) {
    if (!rule.kind.empty() && rule.kind != kind) continue;
    if (!rule.anywhere) {
      if (matches_chain(rule.patterns, 0, frames, 0)) return true;
      continue;
    }
    for (const SourceFrame& frame : frames) {
      if (matches_frame(rule.patterns.front(), frame)) return true;
    }
  }
  return false;
}

}  // namespace loam::tool
