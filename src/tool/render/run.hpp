// The report of `loam run --stats`, as text and as JSON (schema loam-run/1).
#pragma once

#include <string>

#include "tool/model/run_report.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string run_text(const RunReport& report, const Palette& palette);
std::string run_json(const RunReport& report);

}  // namespace loam::tool
