// The 20 operators new and delete, by their C names: no C++ library is needed for them. A failing new calls the next
// definition of the same operator, which is the C++ library's own: it loops over the new-handlers, calling our malloc
// again, and throws.
#include <cstdlib>

#include "heap/fast_path.hpp"
#include "preload/export.hpp"
#include "report/messages.hpp"
#include "runtime/runtime.hpp"
#include "sys/kernel.hpp"

namespace {

using loam::called;
using loam::format::Symbol;
using loam::runtime::Family;
using loam::runtime::Origin;
namespace runtime = loam::runtime;
namespace heap = loam::heap;

template <class... Arguments>
void* next_new(const char* name, Arguments... arguments) {
  auto* next = reinterpret_cast<void* (*)(Arguments...)>(runtime::next_symbol(name));
  if (next == nullptr) loam::sys::abort_process();  // operator new without a C++ library: nobody can throw
  return next(arguments...);
}

// By the mangled name: _Znw, _Zna.
constexpr Family family_of(const char* name) { return name[3] == 'a' ? Family::kNewArray : Family::kNew; }

// One function for each form, so that its slow half is a tail call.
template <const char* kName>
LOAM_CLEARS_REGISTERS void* slow(size_t size) {
  void* block = runtime::allocate_slow(size, called(Symbol::kNew, family_of(kName)));
  return block != nullptr ? block : next_new(kName, size);
}

template <const char* kName>
__attribute__((noinline)) void* medium(size_t size) {
  if (size > heap::kMaxSmall) return slow<kName>(size);
  return heap::pop_medium(size, [size] { return slow<kName>(size); });
}

template <const char* kName>
LOAM_CLEARS_REGISTERS void* slow_nothrow(size_t size, const void* tag) {
  void* block = runtime::allocate_slow(size, called(Symbol::kNew, family_of(kName)));
  return block != nullptr ? block : next_new(kName, size, tag);
}

template <const char* kName>
inline void* allocate(size_t size) {
  if (size > heap::kMaxDirect) [[unlikely]]
    return medium<kName>(size);
  return heap::pop_direct(size, [size] { return slow<kName>(size); });
}

template <const char* kName>
inline void* allocate_nothrow(size_t size, const void* tag) {
  if (size > heap::kMaxDirect) [[unlikely]]
    return slow_nothrow<kName>(size, tag);
  return heap::pop_direct(size, [size, tag] { return slow_nothrow<kName>(size, tag); });
}

constexpr char kNew[] = "_Znwm";
constexpr char kNewArray[] = "_Znam";
constexpr char kNewNothrow[] = "_ZnwmRKSt9nothrow_t";
constexpr char kNewArrayNothrow[] = "_ZnamRKSt9nothrow_t";

// What the next definition is asked for: a size that fails must not become a small one when it is rounded up.
size_t unwrapped(size_t size, size_t alignment) {
  return size <= PTRDIFF_MAX ? size : PTRDIFF_MAX & ~(alignment - 1);
}

void* aligned(size_t size, size_t alignment, const char* name, Origin origin) {
  const bool valid = loam::base::is_power_of_two(alignment);
  void* block = valid ? runtime::allocate_aligned(alignment, size, origin) : nullptr;
  return block != nullptr ? block : next_new(name, unwrapped(size, alignment), alignment);
}

void* aligned_nothrow(size_t size, size_t alignment, const void* tag, const char* name, Origin origin) {
  const bool valid = loam::base::is_power_of_two(alignment);
  void* block = valid ? runtime::allocate_aligned(alignment, size, origin) : nullptr;
  return block != nullptr ? block : next_new(name, unwrapped(size, alignment), alignment, tag);
}

template <Family kFamily>
LOAM_CLEARS_REGISTERS void release_slow(void* block) {
  runtime::release_slow(block, called(Symbol::kDelete, kFamily));
  loam::come_back();
}

template <Family kFamily>
LOAM_CLEARS_REGISTERS void release_sized_slow(void* block, size_t size) {
  runtime::release_sized(block, size, called(Symbol::kDelete, kFamily));
  loam::come_back();
}

template <class Slow>
inline void release_or(void* block, Slow slow) {
  const heap::Released result = heap::put_back(heap::fast_heap, block);
  if (result == heap::Released::kDone) [[likely]]
    return;
  if (result == heap::Released::kAttend) return runtime::attend_slow();
  slow();
}

template <Family kFamily>
inline void release(void* block) {
  release_or(block, [block] { release_slow<kFamily>(block); });
}

// The size is looked at in check mode only: the span knows it, and programs pass wrong ones.
template <Family kFamily>
inline void release_sized(void* block, size_t size) {
  release_or(block, [block, size] { release_sized_slow<kFamily>(block, size); });
}

}  // namespace

LOAM_EXPORT void* _Znwm(size_t size) { return allocate<kNew>(size); }
LOAM_EXPORT void* _Znam(size_t size) { return allocate<kNewArray>(size); }
LOAM_EXPORT void* _ZnwmRKSt9nothrow_t(size_t size, const void* tag) {
  return allocate_nothrow<kNewNothrow>(size, tag);
}
LOAM_EXPORT void* _ZnamRKSt9nothrow_t(size_t size, const void* tag) {
  return allocate_nothrow<kNewArrayNothrow>(size, tag);
}
LOAM_EXPORT void* _ZnwmSt11align_val_t(size_t size, size_t alignment) {
  return aligned(size, alignment, "_ZnwmSt11align_val_t", called(Symbol::kNewAligned, Family::kNew));
}
LOAM_EXPORT void* _ZnamSt11align_val_t(size_t size, size_t alignment) {
  return aligned(size, alignment, "_ZnamSt11align_val_t", called(Symbol::kNewAligned, Family::kNewArray));
}
LOAM_EXPORT void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void* tag) {
  return aligned_nothrow(size, alignment, tag, "_ZnwmSt11align_val_tRKSt9nothrow_t",
                         called(Symbol::kNewAligned, Family::kNew));
}
LOAM_EXPORT void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void* tag) {
  return aligned_nothrow(size, alignment, tag, "_ZnamSt11align_val_tRKSt9nothrow_t",
                         called(Symbol::kNewAligned, Family::kNewArray));
}

LOAM_EXPORT void _ZdlPv(void* block) { release<Family::kNew>(block); }
LOAM_EXPORT void _ZdaPv(void* block) { release<Family::kNewArray>(block); }
LOAM_EXPORT void _ZdlPvm(void* block, size_t size) { release_sized<Family::kNew>(block, size); }
LOAM_EXPORT void _ZdaPvm(void* block, size_t size) { release_sized<Family::kNewArray>(block, size); }
LOAM_EXPORT void _ZdlPvRKSt9nothrow_t(void* block, const void*) { release<Family::kNew>(block); }
LOAM_EXPORT void _ZdaPvRKSt9nothrow_t(void* block, const void*) { release<Family::kNewArray>(block); }
LOAM_EXPORT void _ZdlPvSt11align_val_t(void* block, size_t) { release<Family::kNew>(block); }
LOAM_EXPORT void _ZdaPvSt11align_val_t(void* block, size_t) { release<Family::kNewArray>(block); }
LOAM_EXPORT void _ZdlPvmSt11align_val_t(void* block, size_t size, size_t) {
  release_sized<Family::kNew>(block, size);
}
LOAM_EXPORT void _ZdaPvmSt11align_val_t(void* block, size_t size, size_t) {
  release_sized<Family::kNewArray>(block, size);
}
LOAM_EXPORT void _ZdlPvSt11align_val_tRKSt9nothrow_t(void* block, size_t, const void*) {
  release<Family::kNew>(block);
}
LOAM_EXPORT void _ZdaPvSt11align_val_tRKSt9nothrow_t(void* block, size_t, const void*) {
  release<Family::kNewArray>(block);
}
