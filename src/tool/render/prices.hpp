// Prices as JSON, for every report that carries them.
#pragma once

#include <nlohmann/json.hpp>

#include "tool/model/prices.hpp"

namespace loam::tool {

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
