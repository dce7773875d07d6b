// What the functions have in common that pass memory to the kernel: the C library is called first, and only if it fails with EFAULT,
// or stops short of what it was to write, check mode is asked whether that was its doing. Result and errno stay what they were.
// No locking. Not noexcept, and without destructors: a thread may be cancelled in the call, which unwinds through here.
#pragma once

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "interpose/next.hpp"
#include "runtime/interposed.hpp"

namespace loam::interpose {

// All of them lie in one section, and are looked up when the library is loaded (start.cpp): a signal handler that makes the first
// call must not get into the loader.
struct Next {
  const char* name;
  std::atomic<void*> known{nullptr};

  void* find() {
    void* found = known.load(std::memory_order_acquire);
    if (found != nullptr) [[likely]]
      return found;
    found = dlsym(RTLD_NEXT, name);
    known.store(found, std::memory_order_release);
    return found;
  }
};

template <class Function>
struct Call : Next {
  template <class... Arguments>
  auto operator()(Arguments... arguments) {
    return reinterpret_cast<Function*>(find())(arguments...);
  }
};

#define LOAM_NEXT [[gnu::section("loam_next")]] constinit

template <class Result>
inline bool refused(Result result) {
  return result == static_cast<Result>(-1) && errno == EFAULT;
}

inline void look_at(const void* start, size_t bytes, bool writes) {
  const int kept = errno;
  if (loam_check_refused != nullptr) loam_check_refused(start, bytes, writes ? 1 : 0);
  errno = kept;
}

inline void look_at_rest(const void* start, size_t bytes) {
  constexpr size_t kMost = size_t{64} << 10;
  look_at(start, bytes < kMost ? bytes : kMost, false);
}

inline void look_at_text(const char* text) {
  const int kept = errno;
  if (loam_check_refused_text != nullptr) loam_check_refused_text(text);
  errno = kept;
}

inline void look_at_parts(const iovec* parts, size_t count, bool writes) {
  const int kept = errno;
  if (loam_check_refused_parts != nullptr) loam_check_refused_parts(parts, count, writes ? 1 : 0);
  errno = kept;
}

inline void look_at_message(const msghdr* message, bool writes) {
  const int kept = errno;
  if (loam_check_refused_message != nullptr) loam_check_refused_message(message, writes ? 1 : 0);
  errno = kept;
}

// Of a call that was to fill a buffer.
inline ssize_t filled(ssize_t result, const void* buffer, size_t bytes) {
  if (refused(result)) [[unlikely]]
    look_at(buffer, bytes, true);
  return result;
}

// Of a call that was to take from a buffer. A short count can mean that what follows could not be read; sockets stop up to a
// packet before it.
inline ssize_t taken(ssize_t result, const void* buffer, size_t bytes) {
  if (refused(result)) [[unlikely]]
    look_at(buffer, bytes, false);
  else if (result >= 0 && static_cast<size_t>(result) < bytes) [[unlikely]]
    look_at_rest(static_cast<const char*>(buffer) + result, bytes - static_cast<size_t>(result));
  return result;
}

inline ssize_t filled_parts(ssize_t result, const iovec* parts, int count) {
  if (refused(result) && count > 0) [[unlikely]]
    look_at_parts(parts, static_cast<size_t>(count), true);
  return result;
}

inline ssize_t taken_parts(ssize_t result, const iovec* parts, int count) {
  if (refused(result) && count > 0) [[unlikely]]
    look_at_parts(parts, static_cast<size_t>(count), false);
  return result;
}

}  // namespace loam::interpose
