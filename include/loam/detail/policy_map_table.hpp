// Tables of the placement policies from the kernel, for programs; the runtime counts its calls and has its own. Not for direct use.
// Thread safety: no state.
#ifndef LOAM_DETAIL_POLICY_MAP_TABLE_HPP
#define LOAM_DETAIL_POLICY_MAP_TABLE_HPP

#include <loam/detail/policy_tables.hpp>

#include <sys/mman.h>

namespace loam::detail {

inline void* map_table(void* old, std::size_t old_bytes, std::size_t new_bytes) {
  void* result = nullptr;
  if (new_bytes == 0) {
    ::munmap(old, old_bytes);
    return nullptr;
  }
  if (old == nullptr) {
    result = ::mmap(nullptr, new_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
  } else {
    result = ::mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);
  }
  return result == MAP_FAILED ? nullptr : result;
}

}  // namespace loam::detail

#endif
