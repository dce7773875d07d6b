#include "runtime/callers.hpp"

namespace loam::runtime {

namespace {

constexpr unsigned kLog = 14;
constexpr uint32_t kEntries = 1u << kLog;
constexpr uint32_t kTries = 64;

constinit std::atomic<uint64_t> entries[kEntries] = {};

}  // namespace

check::StackId caller_id(const void* caller) {
  const auto address = reinterpret_cast<uint64_t>(caller);
  uint32_t at = static_cast<uint32_t>((address * 0x9e3779b97f4a7c15u) >> (64 - kLog));
  for (uint32_t i = 0; i < kTries; ++i, at = (at + 1) % kEntries) {
    uint64_t seen = entries[at].load(std::memory_order_relaxed);
    if (seen == address) return at + 1;
    if (seen == 0 && entries[at].compare_exchange_strong(seen, address, std::memory_order_relaxed))
      return at + 1;
    if (seen == address) return at + 1;
  }
  return 0;
}

unsigned resolve_stack(check::StackId id, uint64_t* addresses, unsigned most) {
  if (id == 0 || id > kEntries || most == 0) return 0;
  addresses[0] = entries[id - 1].load(std::memory_order_relaxed);
  return 1;
}

}  // namespace loam::runtime
