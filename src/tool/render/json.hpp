// What every JSON report shares: its final text, and the prices.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tool/model/prices.hpp"

namespace loam::tool {

// Arguments and paths may hold any bytes, JSON only UTF-8: what is not becomes the replacement character.
inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

inline nlohmann::ordered_json prices_json(const Prices& prices) {
  nlohmann::ordered_json out;
  for (const Price* price : prices.all()) {
    nlohmann::ordered_json& entry = out[price->name];
    if (price->known) {
      entry = {{"median_ns", price->median_ns},
               {"lowest_ns", price->lowest_ns},
               {"repetitions", price->repetitions}};
    } else {
      entry = {{"median_ns", nullptr}, {"reason", price->reason}};
    }
  }
  return out;
}

}  // namespace loam::tool
