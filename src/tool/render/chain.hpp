// By which words a block is held, as text and as JSON.
#pragma once

#include <string>

#include "tool/model/chain_report.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string chain_text(const ChainReport& report, const Palette& palette);
std::string chain_json(const ChainReport& report);

}  // namespace loam::tool
