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

using loam::format::Symbol;
namespace runtime = loam::runtime;
namespace heap = loam::heap;

template <class... Arguments>
void* next_new(const char* name, Arguments... arguments) {
  auto* next = reinterpret_cast<void* (*)(Arguments...)>(runtime::next_symbol(name));
  if (next == nullptr) loam::sys::abort_process();  // operator new without a C++ library: nobody can throw
  return next(arguments...);
}

// One function for each form, so that its slow half is a tail call.
template <const char* kName>
LOAM_CLEARS_REGISTERS void* slow(size_t size) {
  void* block = runtime::allocate_slow(size, Symbol::kNew);
  return block != nullptr ? block : next_new(kName, size);
}

template <const char* kName>
__attribute__((noinline)) void* medium(size_t size) {
  if (size > heap::kMaxSmall) return slow<kName>(size);
  return heap::pop_medium(size, [size] { return slow<kName>(size); });
}

template <const char* kName>
LOAM_CLEARS_REGISTERS void* slow_nothrow(size_t size, const void* tag) {
  void* block = runtime::allocate_slow(size, Symbol::kNew);
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

void* aligned(size_t size, size_t alignment, const char* name) {
  const bool valid = loam::base::is_power_of_two(alignment);
  void* block = valid ? runtime::allocate_aligned(alignment, size, Symbol::kNewAligned) : nullptr;
  return block != nullptr ? block : next_new(name, unwrapped(size, alignment), alignment);
}

void* aligned_nothrow(size_t size, size_t alignment, const void* tag, const char* name) {
  const bool valid = loam::base::is_power_of_two(alignment);
  void* block = valid ? runtime::allocate_aligned(alignment, size, Symbol::kNewAligned) : nullptr;
  return block != nullptr ? block : next_new(name, unwrapped(size, alignment), alignment, tag);
}

LOAM_CLEARS_REGISTERS void release_slow(void* block) {
  runtime::release_slow(block, Symbol::kDelete);
  loam::come_back();
}

inline void release(void* block) {
  const heap::Released result = heap::put_back(heap::fast_heap, block);
  if (result == heap::Released::kDone) [[likely]]
    return;
  if (result == heap::Released::kAttend) return runtime::attend_slow();
  release_slow(block);
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
  return aligned(size, alignment, "_ZnwmSt11align_val_t");
}
LOAM_EXPORT void* _ZnamSt11align_val_t(size_t size, size_t alignment) {
  return aligned(size, alignment, "_ZnamSt11align_val_t");
}
LOAM_EXPORT void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void* tag) {
  return aligned_nothrow(size, alignment, tag, "_ZnwmSt11align_val_tRKSt9nothrow_t");
}
LOAM_EXPORT void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment, const void* tag) {
  return aligned_nothrow(size, alignment, tag, "_ZnamSt11align_val_tRKSt9nothrow_t");
}

// Sizes and alignments given to delete are not needed: the span knows, and programs pass wrong ones.
LOAM_EXPORT void _ZdlPv(void* block) { release(block); }
LOAM_EXPORT void _ZdaPv(void* block) { release(block); }
LOAM_EXPORT void _ZdlPvm(void* block, size_t) { release(block); }
LOAM_EXPORT void _ZdaPvm(void* block, size_t) { release(block); }
LOAM_EXPORT void _ZdlPvRKSt9nothrow_t(void* block, const void*) { release(block); }
LOAM_EXPORT void _ZdaPvRKSt9nothrow_t(void* block, const void*) { release(block); }
LOAM_EXPORT void _ZdlPvSt11align_val_t(void* block, size_t) { release(block); }
LOAM_EXPORT void _ZdaPvSt11align_val_t(void* block, size_t) { release(block); }
LOAM_EXPORT void _ZdlPvmSt11align_val_t(void* block, size_t, size_t) { release(block); }
LOAM_EXPORT void _ZdaPvmSt11align_val_t(void* block, size_t, size_t) { release(block); }
LOAM_EXPORT void _ZdlPvSt11align_val_tRKSt9nothrow_t(void* block, size_t, const void*) { release(block); }
LOAM_EXPORT void _ZdaPvSt11align_val_tRKSt9nothrow_t(void* block, size_t, const void*) { release(block); }
