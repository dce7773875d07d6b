// A number that a program cannot guess and does not hold by chance. Not for direct use.
#ifndef LOAM_DETAIL_SECRET_HPP
#define LOAM_DETAIL_SECRET_HPP

#include <sys/auxv.h>

#include <cstdint>
#include <cstring>

namespace loam::detail {

// Different in each process, the same for all pools: what addresses are mixed with that must not hold a block.
inline std::uintptr_t make_secret() noexcept {
  std::uintptr_t secret = 0;
  if (const auto* random = reinterpret_cast<const void*>(getauxval(AT_RANDOM)))
    std::memcpy(&secret, random, sizeof secret);
  return secret | 1;
}
inline const std::uintptr_t secret = make_secret();

}  // namespace loam::detail

#endif
