// The definition that comes after ours, which is the C library's. Found at the first call, and kept. No locking: two threads
// that look at once find the same.
#pragma once

#include <dlfcn.h>

#include <atomic>

#define LOAM_INTERPOSED extern "C" __attribute__((visibility("default")))

namespace loam::interpose {

template <class Function>
Function* next(std::atomic<Function*>& known, const char* name) {
  Function* found = known.load(std::memory_order_acquire);
  if (found == nullptr) {
    found = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
    known.store(found, std::memory_order_release);
  }
  return found;
}

}  // namespace loam::interpose
