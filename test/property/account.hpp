// Where every small block of the heap is: live, available in its span, or in one stack of one heap. A block that is in none of
// them is lost, and one that is in two would be handed out twice.
// Requires: no other thread is in the heap. What was on its way home to its span's owner has arrived afterwards.
#pragma once

#include <string>

namespace loam::property {

// Returns an empty string, or what is wrong.
std::string settle_accounts();

}  // namespace loam::property
