#include "tool/render/json.hpp"

#include <nlohmann/json.hpp>

namespace loam::tool {

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

nlohmann::ordered_json prices_json(const Prices& prices) {
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
