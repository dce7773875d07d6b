// What loam compare found, for people and as JSON.
#pragma once

#include <string>

#include "tool/model/compare.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

// At most `limit` call sites, 0 for all. The names are those of the files as they were given.
struct CompareNames {
  std::string before;
  std::string after;
};
std::string compare_text(const Comparison& comparison, const CompareNames& names, std::size_t limit,
                         const Palette& palette);
std::string compare_json(const Comparison& comparison, const CompareNames& names, std::size_t limit);

}  // namespace loam::tool
