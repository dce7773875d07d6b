#include "runtime/notes.hpp"

#include <atomic>

#include "meta/arena.hpp"

namespace loam::runtime {

namespace {

constinit std::atomic<const Note*> newest{nullptr};
constinit std::atomic<uint32_t> count{0};

}  // namespace

void note(const void* block, const char* text) {
  if (count.fetch_add(1, std::memory_order_relaxed) >= kMostNotes) {
    count.store(kMostNotes, std::memory_order_relaxed);
    return;
  }
  auto* made = static_cast<Note*>(meta::arena.allocate(sizeof(Note)));
  if (made == nullptr) return;
  made->what.address = reinterpret_cast<uint64_t>(block);
  for (unsigned i = 0; i + 1 < sizeof made->what.text && text[i] != '\0'; ++i) made->what.text[i] = text[i];
  made->older = newest.load(std::memory_order_relaxed);
  while (!newest.compare_exchange_weak(made->older, made, std::memory_order_acq_rel)) {
  }
}

const Note* newest_note() { return newest.load(std::memory_order_acquire); }

uint32_t note_count() {
  uint32_t made = 0;
  for (const Note* each = newest_note(); each != nullptr; each = each->older) ++made;
  return made;
}

}  // namespace loam::runtime
