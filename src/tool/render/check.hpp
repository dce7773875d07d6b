// The report of `loam check`: text for people, JSON (schema loam-check/1), SARIF 2.1.0 and JUnit for machines.
#pragma once

#include <string>

#include "tool/model/check_report.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string check_text(const CheckReport& report, const Palette& palette);
std::string check_json(const CheckReport& report);
std::string check_sarif(const CheckReport& report);
std::string check_junit(const CheckReport& report);

}  // namespace loam::tool
