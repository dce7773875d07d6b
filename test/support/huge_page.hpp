// Whether a huge page is to be had: where memory is in pieces, or none is left, the kernel joins no pages, and a test of joining has
// nothing to show.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstring>

#include "sys/kernel.hpp"

namespace loam::test {

inline bool huge_page_is_to_be_had() {
  constexpr uint64_t kHuge = uint64_t{2} << 20;
  constexpr int kCollapse = 25;  // MADV_COLLAPSE
  auto* mapped = static_cast<char*>(sys::map(2 * kHuge));
  if (mapped == nullptr) return false;
  auto* page = reinterpret_cast<char*>((reinterpret_cast<uint64_t>(mapped) + kHuge - 1) / kHuge * kHuge);
  std::memset(page, 1, kHuge);
  const bool joined = madvise(page, kHuge, kCollapse) == 0;
  sys::unmap(mapped, 2 * kHuge);
  return joined;
}

}  // namespace loam::test
