#include "tool/model/huge_table.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <loam/detail/policy_map_table.hpp>

namespace loam::tool {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// Far more than was asked for: pages that nobody touches cost nothing, and a table that grows where it lies is not copied.
std::size_t mapped(std::size_t bytes) {
  if (bytes < kLeastHuge) return bytes;
  std::size_t room = kHugePage;
  while (room < bytes) room *= 16;
  return room;
}

void* map_aligned(std::size_t bytes) {
  void* made = loam::detail::map_table(nullptr, 0, bytes + kHugePage);
  if (made == nullptr) return nullptr;
  auto* at = static_cast<char*>(made);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(at) % kHugePage) % kHugePage;
  if (before > 0) munmap(at, before);
  if (before < kHugePage) munmap(at + before + bytes, kHugePage - before);
  madvise(at + before, bytes, MADV_HUGEPAGE);
  return at + before;
}

}  // namespace

void* huge_table(void* old, std::size_t old_bytes, std::size_t new_bytes) {
  if (new_bytes < kLeastHuge) return loam::detail::map_table(old, mapped(old_bytes), new_bytes);
  if (old != nullptr && mapped(old_bytes) == mapped(new_bytes)) return old;
  void* made = map_aligned(mapped(new_bytes));
  if (made == nullptr || old == nullptr) return made;
  std::memcpy(made, old, old_bytes);
  munmap(old, mapped(old_bytes));
  return made;
}

}  // namespace loam::tool
