// The C symbols. Each checks its arguments, calls one function below, and sets errno as docs/contracts.md says.
// Thread-safe all; malloc, free and realloc are async-signal-tolerant.
#include <errno.h>

#include <cstring>

#include "base/bits.hpp"
#include "heap/fast_path.hpp"
#include "preload/export.hpp"
#include "runtime/runtime.hpp"

namespace {

using loam::called;
using loam::format::Symbol;
using loam::runtime::Origin;
namespace runtime = loam::runtime;
namespace heap = loam::heap;

constexpr size_t kPage = 4096;

void* or_enomem(void* block) {
  if (block == nullptr) [[unlikely]]
    errno = ENOMEM;
  return block;
}

LOAM_CLEARS_REGISTERS void* malloc_slow(size_t size) {
  return or_enomem(runtime::allocate_slow(size, called(Symbol::kMalloc)));
}

// Above the direct classes.
__attribute__((noinline)) void* malloc_medium(size_t size) {
  if (size > heap::kMaxSmall) return malloc_slow(size);
  return heap::pop_medium(size, [size] { return malloc_slow(size); });
}

LOAM_CLEARS_REGISTERS void* calloc_slow(size_t size) {
  return or_enomem(runtime::allocate_zeroed(size, called(Symbol::kCalloc)));
}

// The whole block: a later realloc in place may expose what the program did not ask for now. Short ones without a call.
inline void* clear(void* block, size_t bytes) {
  struct Granule {
    uint64_t words[2];
  };
  if (bytes > 256) return memset(block, 0, bytes);
  auto* granule = static_cast<Granule*>(block);
  auto* end = granule + bytes / sizeof(Granule);
  do {
    *granule++ = {};
    asm volatile("" : : : "memory");  // or the compiler would make a memset of it again
  } while (granule < end);
  return block;
}

LOAM_CLEARS_REGISTERS void free_slow(void* block) {
  runtime::release_slow(block, called(Symbol::kFree));
  loam::come_back();
}

LOAM_CLEARS_REGISTERS void attend_slow() {
  runtime::attend_slow();
  loam::come_back();
}

LOAM_CLEARS_REGISTERS void* memalign_checked(size_t alignment, size_t size, Origin origin) {
  return or_enomem(runtime::allocate_aligned(alignment, size, origin));
}

// glibc takes any alignment here and rounds it up.
void* memalign_rounded(size_t alignment, size_t size, Origin origin) {
  if (alignment > size_t{1} << 62) {
    errno = EINVAL;
    return nullptr;
  }
  return memalign_checked(std::bit_ceil(alignment), size, origin);
}

}  // namespace

LOAM_EXPORT void* malloc(size_t size) {
  if (size > heap::kMaxDirect) [[unlikely]]
    return malloc_medium(size);
  return heap::pop_direct(size, [size] { return malloc_slow(size); });
}

LOAM_EXPORT void free(void* block) {
  const heap::Released result = heap::put_back(heap::fast_heap, block);
  if (result == heap::Released::kDone) [[likely]]
    return;
  if (result == heap::Released::kAttend) return attend_slow();
  free_slow(block);
}

LOAM_EXPORT void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) [[unlikely]]
    return or_enomem(nullptr);
  if (bytes > heap::kMaxDirect) return calloc_slow(bytes);
  void* block = heap::pop_direct(bytes, [] { return static_cast<void*>(nullptr); });
  if (block == nullptr) [[unlikely]]
    return calloc_slow(bytes);
  return clear(block, loam::base::align_up(bytes, heap::kGranule));
}

LOAM_EXPORT LOAM_CLEARS_REGISTERS void* realloc(void* block, size_t size) {
  if (block == nullptr) return malloc(size);
  if (size == 0) {  // as glibc does; C23 leaves it undefined
    free(block);
    return nullptr;
  }
  return or_enomem(runtime::resize(block, size, called(Symbol::kRealloc)));
}

LOAM_EXPORT void* reallocarray(void* block, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return or_enomem(nullptr);
  return realloc(block, bytes);
}

LOAM_EXPORT void free_sized(void* block, size_t) { free(block); }
LOAM_EXPORT void free_aligned_sized(void* block, size_t, size_t) { free(block); }
LOAM_EXPORT void cfree(void* block) { free(block); }

LOAM_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  if (!loam::base::is_power_of_two(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return memalign_checked(alignment, size, called(Symbol::kAlignedAlloc));
}

LOAM_EXPORT int posix_memalign(void** result, size_t alignment, size_t size) {
  if (!loam::base::is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  void* block = runtime::allocate_aligned(alignment, size, called(Symbol::kPosixMemalign));
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

LOAM_EXPORT void* memalign(size_t alignment, size_t size) {
  return memalign_rounded(alignment, size, called(Symbol::kMemalign));
}

LOAM_EXPORT void* valloc(size_t size) { return memalign_checked(kPage, size, called(Symbol::kValloc)); }

LOAM_EXPORT void* pvalloc(size_t size) {
  if (size > PTRDIFF_MAX - kPage) return or_enomem(nullptr);
  const size_t bytes = loam::base::align_up(size == 0 ? 1 : size, kPage);
  return memalign_checked(kPage, bytes, called(Symbol::kValloc));
}

LOAM_EXPORT size_t malloc_usable_size(void* block) {
  return block == nullptr ? 0 : runtime::usable_size(block);
}

// The names by which libc's own objects and old programs call the same functions.
LOAM_EXPORT void* __libc_malloc(size_t size) { return malloc(size); }
LOAM_EXPORT void __libc_free(void* block) { free(block); }
LOAM_EXPORT void* __libc_calloc(size_t count, size_t size) { return calloc(count, size); }
LOAM_EXPORT void* __libc_realloc(void* block, size_t size) { return realloc(block, size); }
LOAM_EXPORT void* __libc_memalign(size_t alignment, size_t size) {
  return memalign_rounded(alignment, size, called(Symbol::kMemalign));
}
LOAM_EXPORT void* __libc_valloc(size_t size) { return valloc(size); }
LOAM_EXPORT void* __libc_pvalloc(size_t size) { return pvalloc(size); }
