#include "tool/render/json.hpp"

#include "tool/model/json_value.hpp"

namespace loam::tool {

std::string json_text(const Json& json) { return json.text(2) + "\n"; }

Json prices_json(const Prices& prices) {
  Json out;
  for (const Price* price : prices.all()) {
    Json& entry = out[price->name];
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
