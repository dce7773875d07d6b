// One record (a process, or the snapshot of a running one) as text and as JSON.
#pragma once

#include <string>

#include "tool/model/json_value.hpp"
#include "tool/model/prices.hpp"
#include "tool/model/record.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string record_text(const Record& record, const Prices& prices, const Palette& palette);

// Figures that are not known are null; "reasons" says why, by group.
Json record_json(const Record& record, const Prices& prices);

Json crossing_json(const Crossing& crossing);

// "14 calls took 65.70 us, 4,373 page faults by price 4.26 ms: 3.8 % of 112.46 ms CPU time".
std::string crossing_text(const Crossing& crossing);

}  // namespace loam::tool
