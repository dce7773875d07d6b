// What every JSON report shares: its final text, and the prices.
#pragma once

#include <string>

#include "tool/model/json_value.hpp"
#include "tool/model/prices.hpp"

namespace loam::tool {

std::string json_text(const Json& json);

Json prices_json(const Prices& prices);

}  // namespace loam::tool
