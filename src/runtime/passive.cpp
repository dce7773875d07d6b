#include "runtime/passive.hpp"

#include "runtime/runtime.hpp"

namespace loam::runtime {

namespace {

template <class Function>
using Pointer = Function*;

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(next_symbol(name));
}

}  // namespace

// Looked up once each: the mode never changes back.

void* passive_allocate(size_t size) {
  static constinit Pointer<void*(size_t)> function = nullptr;
  if (function == nullptr) function = next<void*(size_t)>("malloc");
  return function == nullptr ? nullptr : function(size);
}

void* passive_allocate_zeroed(size_t size) {
  static constinit Pointer<void*(size_t, size_t)> function = nullptr;
  if (function == nullptr) function = next<void*(size_t, size_t)>("calloc");
  return function == nullptr ? nullptr : function(1, size);
}

void* passive_allocate_aligned(size_t alignment, size_t size) {
  static constinit Pointer<void*(size_t, size_t)> function = nullptr;
  if (function == nullptr) function = next<void*(size_t, size_t)>("memalign");
  return function == nullptr ? nullptr : function(alignment, size);
}

void passive_release(void* block) {
  static constinit Pointer<void(void*)> function = nullptr;
  if (function == nullptr) function = next<void(void*)>("free");
  if (function != nullptr) function(block);
}

void* passive_resize(void* block, size_t size) {
  static constinit Pointer<void*(void*, size_t)> function = nullptr;
  if (function == nullptr) function = next<void*(void*, size_t)>("realloc");
  return function == nullptr ? nullptr : function(block, size);
}

size_t passive_usable_size(void* block) {
  static constinit Pointer<size_t(void*)> function = nullptr;
  if (function == nullptr) function = next<size_t(void*)>("malloc_usable_size");
  return function == nullptr ? 0 : function(block);
}

}  // namespace loam::runtime
