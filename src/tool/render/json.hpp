// What every JSON report shares: its final text, and the prices. The library's header takes four seconds to compile:
// only a file that builds a value includes it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tool/model/prices.hpp"

namespace loam::tool {

// Arguments and paths may hold any bytes, JSON only UTF-8: what is not becomes the replacement character.
std::string json_text(const nlohmann::ordered_json& json);

nlohmann::ordered_json prices_json(const Prices& prices);

}  // namespace loam::tool
