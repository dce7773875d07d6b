// Memory for tables that are looked into at random: where they are large, of huge pages, since with small ones each look would cost a
// walk of the page tables as well. Thread safety: no state.
#pragma once

#include <cstddef>

namespace loam::tool {

// As loam::detail::table_memory asks: whole pages, zero where new.
void* huge_table(void* old, std::size_t old_bytes, std::size_t new_bytes);

}  // namespace loam::tool
