// A bar on standard error, only if that is a terminal; gone when all is done.
#pragma once

#include <cstddef>
#include <string>

namespace loam::tool {

void show_progress(std::size_t done, std::size_t all, const std::string& what);

}  // namespace loam::tool
