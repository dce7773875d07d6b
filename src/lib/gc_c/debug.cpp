// The GC_debug_ forms: objects that know where they were allocated, and are checked when they are freed. What is known lies behind
// the object, not in front: addresses are the same as without.
#include <string.h>

#include "base/text.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc_c/bdwgc.hpp"
#include "lib/gc_c/export.hpp"

namespace collector = loam::collector;
using collector::Kind;

namespace {

// Never a pointer into the heap.
constexpr uint64_t kGuard = 0xfd10a3f1d10a3fd1;
constexpr unsigned char kFill = 0xfd;

struct Trailer {
  const char* file;
  int32_t line;
  uint32_t filled;  // bytes between the object's end and the trailer
  uint64_t guard;
};

Trailer* trailer_of(uint64_t object) {
  const collector::Slot slot = collector::space.find(object);
  if (!collector::space.is_live(slot) || !collector::is_debug(collector::space.block(slot.block).kind))
    return nullptr;
  return reinterpret_cast<Trailer*>(collector::space.start_of(slot) + collector::space.bytes_of(slot) -
                                    sizeof(Trailer));
}

uint64_t guard_of(uint64_t object) { return kGuard ^ (object >> 4); }

char* debug_copy(const char* text, size_t length, const char* file, int line) {
  auto* copy = static_cast<char*>(loam::gc_c::allocate_debug(Kind::kAtomic, length + 1, file, line));
  if (copy == nullptr) return nullptr;
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

}  // namespace

namespace loam::gc_c {

void* allocate_debug(Kind kind, size_t bytes, const char* file, int line) {
  size_t all = 0;
  if (__builtin_add_overflow(bytes, sizeof(Trailer) + 1, &all)) return out_of_memory(bytes);
  void* object = serve(collector::debug_kind(kind), all);
  const auto address = reinterpret_cast<uint64_t>(object);
  if (object == nullptr || collector::base_of(address) != address) return object;
  Trailer* trailer = trailer_of(address);
  const uint64_t filled = reinterpret_cast<uint64_t>(trailer) - address - bytes;
  memset(static_cast<char*>(object) + bytes, kFill, filled);
  *trailer = {file, line, static_cast<uint32_t>(filled), guard_of(address)};
  return object;
}

size_t usable_bytes(uint64_t object) {
  const collector::Slot slot = collector::space.find(object);
  const Trailer* trailer = trailer_of(object);
  if (trailer == nullptr || trailer->guard != guard_of(collector::space.start_of(slot)))
    return collector::space.bytes_of(slot);
  return reinterpret_cast<uint64_t>(trailer) - trailer->filled - collector::space.start_of(slot);
}

bool origin_of(uint64_t object, const char** file, int* line) {
  const Trailer* trailer = trailer_of(object);
  if (trailer == nullptr || trailer->guard != guard_of(object)) return false;
  *file = trailer->file;
  *line = trailer->line;
  return true;
}

void check_debug(uint64_t object) {
  const Trailer* trailer = trailer_of(object);
  if (trailer == nullptr) return;
  bool sound = trailer->guard == guard_of(object);
  for (uint64_t i = 0; sound && i < trailer->filled; ++i)
    sound = reinterpret_cast<const unsigned char*>(trailer)[-1 - static_cast<int64_t>(i)] == kFill;
  if (sound) return;
  const char* file = nullptr;
  int line = 0;
  base::Text text;
  text.add("loam-gc: something was written behind the end of the object ").add_hex(object);
  if (origin_of(object, &file, &line) && file != nullptr)
    text.add(" (allocated at ").add(file).add(":").add(static_cast<uint64_t>(line)).add(")");
  text.add("\n");
  warn(text.data(), 0);
}

}  // namespace loam::gc_c

using loam::gc_c::allocate_debug;

LOAM_EXPORT void* GC_debug_malloc(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kNormal, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_atomic(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kAtomic, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_uncollectable(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kKept, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_atomic_uncollectable(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kKeptAtomic, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_stubborn(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kNormal, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_ignore_off_page(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kNormal, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_atomic_ignore_off_page(size_t bytes, const char* file, int line) {
  return allocate_debug(Kind::kAtomic, bytes, file, line);
}
LOAM_EXPORT void* GC_debug_malloc_replacement(size_t bytes) {
  return allocate_debug(Kind::kNormal, bytes, nullptr, 0);
}
LOAM_EXPORT void GC_debug_free(void* object) { GC_free(object); }
LOAM_EXPORT void GC_debug_change_stubborn(const void*) {}
LOAM_EXPORT void GC_debug_end_stubborn_change(const void*) {}
LOAM_EXPORT void GC_debug_ptr_store_and_dirty(void* where, const void* value) {
  *static_cast<const void**>(where) = value;
}
LOAM_EXPORT char* GC_debug_strdup(const char* text, const char* file, int line) {
  return debug_copy(text, strlen(text), file, line);
}
LOAM_EXPORT char* GC_debug_strndup(const char* text, size_t most, const char* file, int line) {
  return debug_copy(text, strnlen(text, most), file, line);
}

LOAM_EXPORT void* GC_debug_realloc(void* object, size_t bytes, const char* file, int line) {
  if (object == nullptr) return allocate_debug(Kind::kNormal, bytes, file, line);
  if (bytes == 0) {
    GC_free(object);
    return nullptr;
  }
  const auto address = reinterpret_cast<uint64_t>(object);
  if (collector::base_of(address) != address) return GC_realloc(object, bytes);
  const Kind kind = collector::plain_kind(collector::space.block(collector::space.find(address).block).kind);
  void* moved = allocate_debug(kind, bytes, file, line);
  if (moved == nullptr) return nullptr;
  const size_t old_bytes = loam::gc_c::usable_bytes(address);
  memcpy(moved, object, bytes < old_bytes ? bytes : old_bytes);
  GC_free(object);
  return moved;
}
LOAM_EXPORT void* GC_debug_realloc_replacement(void* object, size_t bytes) {
  return GC_debug_realloc(object, bytes, nullptr, 0);
}

LOAM_EXPORT void GC_debug_register_displacement(size_t) {}
LOAM_EXPORT size_t GC_get_debug_header_size(void) { return 0; }
LOAM_EXPORT size_t GC_debug_header_size;
size_t GC_debug_header_size = 0;

// Objects start where they do without: the plain functions serve.
LOAM_EXPORT void GC_debug_register_finalizer(void* object, collector::Finalizer function, void* data,
                                             collector::Finalizer* old_function, void** old_data) {
  GC_register_finalizer(object, function, data, old_function, old_data);
}
LOAM_EXPORT void GC_debug_register_finalizer_ignore_self(void* object, collector::Finalizer function,
                                                         void* data, collector::Finalizer* old_function,
                                                         void** old_data) {
  GC_register_finalizer_ignore_self(object, function, data, old_function, old_data);
}
LOAM_EXPORT void GC_debug_register_finalizer_no_order(void* object, collector::Finalizer function, void* data,
                                                      collector::Finalizer* old_function, void** old_data) {
  GC_register_finalizer_no_order(object, function, data, old_function, old_data);
}
LOAM_EXPORT void GC_debug_register_finalizer_unreachable(void* object, collector::Finalizer function,
                                                         void* data, collector::Finalizer* old_function,
                                                         void** old_data) {
  GC_register_finalizer_unreachable(object, function, data, old_function, old_data);
}
