// What placement policies would have made of a program's heap, as text and as JSON (schema loam-replay/1).
#pragma once

#include <string>

#include "tool/model/simulation.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

std::string replay_text(const std::string& file, const Replayed& replayed, const Palette& palette);
std::string replay_json(const std::string& file, const Replayed& replayed);

}  // namespace loam::tool
