// One record (a process, or the snapshot of a running one) as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tool/model/prices.hpp"
#include "tool/model/record.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string record_text(const Record& record, const Prices& prices, const Palette& palette);

// Figures that are not known are null; "reasons" says why, by group.
nlohmann::ordered_json record_json(const Record& record, const Prices& prices);

nlohmann::ordered_json crossing_json(const Crossing& crossing);

// "12,345 calls (9.87 ms), 12,345 faults (29.6 ms): 3.1 % of the CPU time".
std::string crossing_text(const Crossing& crossing);

}  // namespace loam::tool
