// Findings that the user does not want to hear of: files in valgrind's or in LSan's format, or a line `kind:pattern` each.
// Patterns are matched with * and ? against function, source file and module of every frame.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tool/model/symbols.hpp"

namespace loam::tool {

class Suppressions {
 public:
  // Adds what the file says. Throws Failure if it cannot be read or a line is not understood.
  void add_file(const std::string& path);
  void add_text(std::string_view text, const std::string& name);

  // Whether a finding of this kind with such frames (of any of its stacks) is suppressed.
  bool match(std::string_view kind, const std::vector<SourceFrame>& frames) const;

 private:
  struct Rule {
    std::string kind;  // empty: any
    std::vector<std::string>
        patterns;           // in this order from the innermost frame on; "..." stands for any frames
    bool anywhere = false;  // one pattern, for any frame
  };
  std::vector<Rule> rules_;
};

// With * for any characters and ? for one.
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace loam::tool
