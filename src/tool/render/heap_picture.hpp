// Pictures of a program's heap under placement policies: one SVG, a panel a policy, all to the same scale; and where the free pieces
// lie at the end, as text.
#pragma once

#include <string>
#include <vector>

#include "tool/model/heap_picture.hpp"

namespace loam::tool {

std::string heap_pictures_svg(const std::string& file, const PictureFrame& frame,
                              const std::vector<HeapPicture>& pictures);

std::string free_pieces_text(const std::vector<Placement>& placements);

}  // namespace loam::tool
