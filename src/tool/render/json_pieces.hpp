// JSON that is written in pieces, for what is larger than memory should hold. Bytes that are no UTF-8 are replaced, as in json.hpp.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace loam::tool {

// In one line, without its end.
std::string json_line(const nlohmann::ordered_json& json);
// The text as a JSON string, quotes included.
std::string json_string(const std::string& text);

}  // namespace loam::tool
