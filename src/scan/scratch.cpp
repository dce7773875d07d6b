#include "scan/scratch.hpp"

#include <sys/mman.h>

#include "base/bits.hpp"
#include "sys/syscall.hpp"

namespace loam::scan {

namespace {
constexpr uint64_t kPage = 4096;
}

void* Scratch::take_bytes(uint64_t bytes) {
  if (count_ == kMostPieces) return nullptr;
  const uint64_t wanted = base::align_up(bytes == 0 ? 1 : bytes, kPage);
  const long start = sys::map_call(0, static_cast<long>(wanted), PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (sys::failed(start)) return nullptr;
  const auto from = static_cast<uint64_t>(start);
  pieces_[count_++] = {from, from + wanted};
  return reinterpret_cast<void*>(start);
}

Scratch::~Scratch() {
  for (unsigned i = 0; i < count_; ++i) {
    sys::raw_call(SYS_munmap, static_cast<long>(pieces_[i].start),
                  static_cast<long>(pieces_[i].end - pieces_[i].start));
  }
}

}  // namespace loam::scan
