// The allocating functions.
#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "base/bits.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc_c/export.hpp"

using loam::collector::Kind;
using loam::gc_c::serve;

namespace {

namespace collector = loam::collector;

Kind kind_of(uint64_t object) {
  return collector::plain_kind(collector::space.block(collector::space.find(object).block).kind);
}

// Blocks are aligned to 64 KiB, so that an object whose size is a power of two is aligned to its size.
void* allocate_aligned(size_t alignment, size_t bytes) {
  if (alignment <= collector::kUnit) return serve(Kind::kNormal, bytes);
  if (alignment <= 4096 && bytes <= 4096) {
    size_t power = alignment;
    while (power < bytes) power *= 2;
    return serve(Kind::kNormal, power);
  }
  if (alignment <= collector::kBlockBytes)
    return serve(Kind::kNormal, bytes > collector::kSmallMost ? bytes : collector::kSmallMost + 1);
  // A pointer into an object is as good as one to its start.
  void* object = serve(Kind::kNormal, bytes + alignment);
  return reinterpret_cast<void*>(loam::base::align_up(reinterpret_cast<uint64_t>(object), alignment));
}

char* copy_text(const char* text, size_t length) {
  auto* copy = static_cast<char*>(serve(Kind::kAtomic, length + 1));
  if (copy == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

void release(void* object) {
  if (object == nullptr) return;
  const auto address = reinterpret_cast<uint64_t>(object);
  loam::gc_c::check_debug(address);
  if (collector::release(address)) return;
  // What memalign handed out may lie inside.
  const uint64_t base = collector::base_of(address);
  if (base != 0 && address % 4096 == 0 && collector::release(base)) return;
  loam::gc_c::warn("loam-gc: GC_free of %p, where no live object starts\n", address);
}

void* resize(void* object, size_t bytes) {
  if (object == nullptr) return serve(Kind::kNormal, bytes);
  if (bytes == 0) {
    release(object);
    return nullptr;
  }
  const auto address = reinterpret_cast<uint64_t>(object);
  const uint64_t base = collector::base_of(address);
  if (base == 0) {
    loam::gc_c::warn("loam-gc: GC_realloc of %p, which is in no live object\n", address);
    return nullptr;
  }
  const Kind kind = kind_of(base);
  const size_t old_bytes = loam::gc_c::usable_bytes(base) - (address - base);
  if (bytes <= old_bytes && bytes * 2 > old_bytes) {
    // What is cut off must not hold on to anything.
    if (!collector::is_atomic(kind)) memset(static_cast<char*>(object) + bytes, 0, old_bytes - bytes);
    return object;
  }
  void* moved = serve(kind, bytes);
  if (moved == nullptr) return nullptr;
  memcpy(moved, object, bytes < old_bytes ? bytes : old_bytes);
  release(object);
  return moved;
}

}  // namespace

LOAM_EXPORT void* GC_malloc(size_t bytes) { return serve(Kind::kNormal, bytes); }
LOAM_EXPORT void* GC_malloc_atomic(size_t bytes) { return serve(Kind::kAtomic, bytes); }
LOAM_EXPORT void* GC_malloc_uncollectable(size_t bytes) { return serve(Kind::kKept, bytes); }
LOAM_EXPORT void* GC_malloc_atomic_uncollectable(size_t bytes) { return serve(Kind::kKeptAtomic, bytes); }
// A pointer to any byte keeps the object: nothing is to be ignored.
LOAM_EXPORT void* GC_malloc_ignore_off_page(size_t bytes) { return serve(Kind::kNormal, bytes); }
LOAM_EXPORT void* GC_malloc_atomic_ignore_off_page(size_t bytes) { return serve(Kind::kAtomic, bytes); }
LOAM_EXPORT void* GC_malloc_stubborn(size_t bytes) { return serve(Kind::kNormal, bytes); }
LOAM_EXPORT void GC_change_stubborn(const void*) {}
LOAM_EXPORT void GC_end_stubborn_change(const void*) {}
LOAM_EXPORT void GC_ptr_store_and_dirty(void* where, const void* value) {
  *static_cast<const void**>(where) = value;
}

LOAM_EXPORT void* GC_realloc(void* object, size_t bytes) { return resize(object, bytes); }
LOAM_EXPORT void GC_free(void* object) { release(object); }

LOAM_EXPORT char* GC_strdup(const char* text) {
  return text == nullptr ? nullptr : copy_text(text, strlen(text));
}
LOAM_EXPORT char* GC_strndup(const char* text, size_t most) { return copy_text(text, strnlen(text, most)); }
LOAM_EXPORT wchar_t* GC_wcsdup(const wchar_t* text) {
  const size_t bytes = (wcslen(text) + 1) * sizeof(wchar_t);
  void* copy = serve(Kind::kAtomic, bytes);
  if (copy != nullptr) memcpy(copy, text, bytes);
  return static_cast<wchar_t*>(copy);
}

LOAM_EXPORT void* GC_memalign(size_t alignment, size_t bytes) { return allocate_aligned(alignment, bytes); }
LOAM_EXPORT int GC_posix_memalign(void** object, size_t alignment, size_t bytes) {
  if (alignment % sizeof(void*) != 0 || !loam::base::is_power_of_two(alignment)) return EINVAL;
  *object = allocate_aligned(alignment, bytes);
  return *object != nullptr ? 0 : ENOMEM;
}

// Objects of one size, each linked to the next by its first word.
LOAM_EXPORT void* GC_malloc_many(size_t bytes) {
  void* first = nullptr;
  const size_t each = bytes < collector::kUnit ? collector::kUnit : bytes;
  for (size_t count = each < 4096 ? 4096 / each : 1; count > 0; --count) {
    void* object = serve(Kind::kNormal, bytes);
    if (object == nullptr) break;
    *static_cast<void**>(object) = first;
    first = object;
  }
  return first;
}

// The layout is not used: such objects are read conservatively.
LOAM_EXPORT uint64_t GC_make_descriptor(const uint64_t*, size_t) { return 0; }
LOAM_EXPORT void* GC_malloc_explicitly_typed(size_t bytes, uint64_t) { return serve(Kind::kNormal, bytes); }
LOAM_EXPORT void* GC_malloc_explicitly_typed_ignore_off_page(size_t bytes, uint64_t) {
  return serve(Kind::kNormal, bytes);
}
LOAM_EXPORT void* GC_calloc_explicitly_typed(size_t count, size_t bytes, uint64_t) {
  size_t all = 0;
  if (__builtin_mul_overflow(count, bytes, &all)) return loam::gc_c::out_of_memory(SIZE_MAX);
  return serve(Kind::kNormal, all);
}

LOAM_EXPORT void* GC_base(void* address) {
  return reinterpret_cast<void*>(collector::base_of(reinterpret_cast<uint64_t>(address)));
}
LOAM_EXPORT int GC_is_heap_ptr(const void* address) {
  return collector::space.find(reinterpret_cast<uint64_t>(address)).block != collector::kNoBlock ? 1 : 0;
}
LOAM_EXPORT size_t GC_size(const void* object) {
  const uint64_t base = collector::base_of(reinterpret_cast<uint64_t>(object));
  return base == 0 ? 0 : loam::gc_c::usable_bytes(base);
}
