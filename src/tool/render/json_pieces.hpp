// JSON that is written in pieces, for what is larger than memory should hold. Bytes that are no UTF-8 are replaced, as in any other JSON.
#pragma once

#include <string>

#include "tool/model/json_value.hpp"

namespace loam::tool {

// In one line, without its end.
std::string json_line(const Json& json);
// The text as a JSON string, quotes included.
std::string json_string(const std::string& text);

}  // namespace loam::tool
