#include "meta/arena.hpp"

#include "base/bits.hpp"
#include "sys/kernel.hpp"

namespace loam::meta {

constinit Arena arena;

void* Arena::allocate(size_t bytes) {
  const uint64_t wanted = base::align_up(bytes, kLine);
  for (;;) {
    const uint64_t end = end_.load(std::memory_order_acquire);
    uint64_t start = next_.load(std::memory_order_relaxed);
    while (start + wanted <= end) {
      // Chunks lie anywhere, so `start` belongs to the chunk of `end` only if it is within one chunk's length of it.
      if (end - start > kChunk) break;
      if (next_.compare_exchange_weak(start, start + wanted, std::memory_order_relaxed)) {
        used_.fetch_add(wanted, std::memory_order_relaxed);
        return reinterpret_cast<void*>(start);
      }
    }
    if (lock_.held_by_me()) return allocate_inside(wanted);
    if (!add_chunk(end)) return nullptr;
  }
}

// For a signal handler that interrupted add_chunk(): a chunk by itself, of which no more than this is ever touched. The current one is half
// changed perhaps, and is left as it is.
void* Arena::allocate_inside(uint64_t bytes) {
  auto* chunk = static_cast<char*>(sys::map(kChunk));
  if (chunk == nullptr) return nullptr;
  enlist(chunk);
  used_.fetch_add(bytes, std::memory_order_relaxed);
  return chunk + kLine;
}

// A handler may come between any two steps, and enlist one of its own.
void Arena::enlist(char* chunk) {
  mapped_.fetch_add(kChunk, std::memory_order_relaxed);
  char*& before = *reinterpret_cast<char**>(chunk);
  before = newest_.load(std::memory_order_relaxed);
  while (
      !newest_.compare_exchange_weak(before, chunk, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

bool Arena::open_area() {
  auto* mapped = static_cast<char*>(sys::map_unreserved(kArea + kHugePage));
  if (mapped == nullptr) return false;
  char* start = mapped + (base::align_up(reinterpret_cast<uint64_t>(mapped), kHugePage) -
                          reinterpret_cast<uint64_t>(mapped));
  char* const end = start + kArea;
  if (start != mapped) sys::unmap(mapped, static_cast<size_t>(start - mapped));
  if (end != mapped + kArea + kHugePage)
    sys::unmap(end, static_cast<size_t>(mapped + kArea + kHugePage - end));
  area_ = start;
  area_end_ = end;
  return true;
}

char* Arena::map_chunk() {
  // Where addresses are short an area may be too much, and a chunk not.
  if (!huge_ || (area_ == area_end_ && !open_area())) return static_cast<char*>(sys::map(kChunk));
  char* chunk = area_;
  area_ += kChunk;
  return chunk;
}

bool Arena::add_chunk(uint64_t seen_end) {
  sys::LockGuard guard(lock_);
  if (end_.load(std::memory_order_relaxed) != seen_end) return true;
  char* chunk = map_chunk();
  // One chunk in hand, untouched: when address space ends, the records for what the program frees and takes again must
  // still be had.
  if (chunk == nullptr) {
    chunk = spare_;
    spare_ = nullptr;
  } else if (spare_ == nullptr) {
    spare_ = map_chunk();
  }
  if (chunk == nullptr) return false;
  // Both chunks of the huge page are the arena's: a chunk by itself may be aligned as well.
  if (chunk + kChunk == area_ && reinterpret_cast<uint64_t>(chunk) % kHugePage == 0)
    huge_pages_.advise(chunk, mapped());
  enlist(chunk);
  const auto start = reinterpret_cast<uint64_t>(chunk);
  // Between these two stores an allocation sees the old end with the new start or the reverse; the distance test in
  // allocate() refuses both.
  end_.store(0, std::memory_order_release);
  next_.store(start + kLine, std::memory_order_release);
  end_.store(start + kChunk, std::memory_order_release);
  return true;
}

bool Arena::owns(const void* address) const {
  for (const char* chunk = newest_chunk(); chunk != nullptr; chunk = chunk_before(chunk)) {
    if (static_cast<uint64_t>(static_cast<const char*>(address) - chunk) < kChunk) return true;
  }
  return false;
}

}  // namespace loam::meta
