// Pointers that are not ours: blocks that some other malloc gave out (a plugin loaded with RTLD_DEEPBIND, memory from
// before we were loaded) go to the next definition of the same function; anything else ends the process.
#include <dlfcn.h>
#include <unistd.h>

#include <cstring>

#include "heap/regions.hpp"
#include "meta/arena.hpp"
#include "runtime/heap_calls.hpp"
#include "runtime/runtime.hpp"
#include "runtime/statistics.hpp"
#include "sys/proc.hpp"

namespace loam::runtime {

namespace {

const char* refuse(const void* pointer) {
  if (meta::arena.owns(pointer)) return "metadata";
  const sys::MappingInfo mapping = sys::find_mapping(pointer);
  switch (mapping.kind) {
    case sys::MappingKind::kNone:
      return "unmapped";
    case sys::MappingKind::kStack:
      return "stack";
    case sys::MappingKind::kObject:
      return "data";
    case sys::MappingKind::kBreak:
      return heap::regions.source().kind() == sys::SourceKind::kBreak ? "mapping" : nullptr;
    case sys::MappingKind::kAnonymous:
      return nullptr;
    case sys::MappingKind::kOther:
      break;
  }
  return "mapping";
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(next_symbol(name));
}

}  // namespace

const char* foreign_place(const void* pointer) { return refuse(pointer); }

void* next_symbol(const char* name) { return dlsym(RTLD_NEXT, name); }

void release_foreign(void* block) {
  const char* place = refuse(block);
  auto* next_free = place == nullptr ? next<void(void*)>("free") : nullptr;
  if (next_free == nullptr)
    report::not_a_block(report::Operation::kFree, block, place == nullptr ? "mapping" : place);
  next_free(block);
}

void* resize_foreign(void* block, size_t size) {
  const char* place = refuse(block);
  auto* next_realloc = place == nullptr ? next<void*(void*, size_t)>("realloc") : nullptr;
  if (next_realloc == nullptr)
    report::not_a_block(report::Operation::kRealloc, block, place == nullptr ? "mapping" : place);
  return next_realloc(block, size);
}

size_t usable_size_foreign(void* block) {
  const char* place = refuse(block);
  auto* next_size = place == nullptr ? next<size_t(void*)>("malloc_usable_size") : nullptr;
  if (next_size == nullptr)
    report::not_a_block(report::Operation::kUsableSize, block, place == nullptr ? "mapping" : place);
  return next_size(block);
}

}  // namespace loam::runtime
