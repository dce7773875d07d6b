// The data of a report page as one text: a head in JSON, then columns of numbers, deflated, in base64 (docs/report.md has the layout).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tool/model/json_value.hpp"

namespace loam::tool {

class ReportColumns {
 public:
  // A byte a value.
  void bytes(const std::string& name, const std::vector<std::uint8_t>& values);
  // Each in groups of seven bits, the lowest first; small numbers take a byte.
  void numbers(const std::string& name, const std::vector<std::uint64_t>& values);
  // What `pick` takes of each element.
  template <typename Rows, typename Pick>
  void numbers_of(const std::string& name, const Rows& rows, Pick pick) {
    std::vector<std::uint64_t> values;
    values.reserve(rows.size());
    for (const auto& row : rows) values.push_back(pick(row));
    numbers(name, values);
  }

  // Adds "columns" to the head. Throws Failure if it cannot be compressed.
  std::string text(Json head) const;

 private:
  void note(const std::string& name, const char* kind, std::size_t count, std::size_t bytes);

  Json index_ = Json::array();
  std::string data_;
};

std::string base64(std::string_view bytes);

}  // namespace loam::tool
