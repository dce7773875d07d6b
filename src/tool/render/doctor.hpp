// The report of `loam doctor`, as text and as JSON (schema loam-doctor/1).
#pragma once

#include <string>

#include "tool/model/host.hpp"
#include "tool/model/prices.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string doctor_text(const Host& host, const Prices& prices, const Palette& palette);
std::string doctor_json(const Host& host, const Prices& prices);

}  // namespace loam::tool
