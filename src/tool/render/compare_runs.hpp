// What a program took under each allocator, for people and as JSON.
#pragma once

#include <string>

#include "tool/model/compare_runs.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string compare_runs_text(const RunsComparison& comparison, const Palette& palette);
std::string compare_runs_json(const RunsComparison& comparison);

}  // namespace loam::tool
