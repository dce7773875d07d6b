// A search for leaks as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "tool/model/leak_report.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

struct LeakView {
  bool only_new = false;  // groups that have grown since the look before
  std::size_t most_groups = 20;
};

std::string leaks_text(const LeakReport& report, const LeakView& view, const Palette& palette);
std::string leaks_json(const LeakReport& report, const LeakView& view);
// One array of them.
std::string leaks_json(const std::vector<LeakReport>& reports, const LeakView& view);

}  // namespace loam::tool
