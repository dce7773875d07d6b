// A counter slot is memory that the program under loam can overwrite: whatever it holds, the report is made, is valid
// UTF-8 JSON, and keeps "known" and null apart.

#include <cstring>

#include "format/counter_names.hpp"
#include "target.hpp"
#include "tool/model/json_value.hpp"
#include "tool/model/record.hpp"
#include "tool/render/json.hpp"
#include "tool/render/record.hpp"

namespace {

using namespace loam::tool;
using loam::format::CounterSlot;

Prices some_prices() {
  Prices prices;
  for (Price* price : {&prices.system_call, &prices.small_fault, &prices.map_pair, &prices.mremap_page}) {
    price->known = true;
    price->median_ns = 100;
  }
  return prices;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  CounterSlot slot{};
  loam::format::begin(slot, {1, 2, 3, 4, loam::format::Birth::kStarted, 0, true, "/usr/bin/program"});
  slot.count_symbol(loam::format::Symbol::kMalloc);
  slot.classes.allocations[0].store(5);
  const auto bytes = [&] { return std::string(reinterpret_cast<const char*>(&slot), sizeof slot); };
  std::vector<std::string> seeds = {bytes()};
  for (std::size_t i = 0; i < loam::format::kCountOf<loam::format::Group>; ++i) {
    slot.make_known(static_cast<loam::format::Group>(i));
    seeds.push_back(bytes());
  }
  std::memset(static_cast<void*>(&slot), 0xff, sizeof slot);
  seeds.push_back(bytes());
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  CounterSlot slot{};
  std::memcpy(static_cast<void*>(&slot), data, std::min(size, sizeof slot));
  static const Prices prices = some_prices();
  Record record;
  record.slot = copy_slot(slot);
  for (std::size_t i = 0; i < size % (loam::format::kMaxClasses + 1); ++i)
    record.class_bytes.push_back(i * 16);
  record.end = static_cast<End>(size % 5);
  LOAM_FUZZ_CHECK(!record_text(record, prices, Palette(size % 2 == 0)).empty());
  const Json json = record_json(record, prices);
  const Json again = Json::parse(json_text(json));
  for (std::size_t i = 0; i < loam::format::kCountOf<loam::format::Group>; ++i) {
    const char* name = loam::format::kGroupNames[i];
    LOAM_FUZZ_CHECK(again.contains(name));
    LOAM_FUZZ_CHECK(again.at(name).is_null() == again.at("reasons").contains(name));
  }
  return 0;
}
