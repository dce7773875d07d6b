// A search for leaks as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tool/model/leak_report.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

struct LeakView {
  bool only_new = false;  // groups that have grown since the look before
  std::size_t most_groups = 20;
};

std::string leaks_text(const LeakReport& report, const LeakView& view, const Palette& palette);
nlohmann::ordered_json leaks_json(const LeakReport& report, const LeakView& view);

}  // namespace loam::tool
