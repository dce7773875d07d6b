// dlclose: what is known of code at an address no longer holds afterwards.
#include "interpose/next.hpp"
#include "runtime/interposed.hpp"

namespace {
constinit std::atomic<int (*)(void*)> known{nullptr};
}

LOAM_INTERPOSED int dlclose(void* library) {
  auto* next = loam::interpose::next(known, "dlclose");
  if (loam_check_unloading != nullptr) loam_check_unloading();
  const int result = next(library);
  if (loam_check_unloading != nullptr) loam_check_unloading();
  return result;
}
