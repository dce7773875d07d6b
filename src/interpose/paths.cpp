// Names of files, and what the kernel tells of them. The names with _2 are those that a program built with _FORTIFY_SOURCE calls.
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interpose/refused.hpp"

namespace {

using loam::interpose::Call;
using loam::interpose::look_at;
using loam::interpose::look_at_text;
using loam::interpose::refused;

LOAM_NEXT Call<int(const char*, int, ...)> next_open{{"open"}};
LOAM_NEXT Call<int(int, const char*, int, ...)> next_openat{{"openat"}};
LOAM_NEXT Call<int(const char*, int)> next_open_2{{"__open_2"}};
LOAM_NEXT Call<int(int, const char*, int)> next_openat_2{{"__openat_2"}};
LOAM_NEXT Call<int(const char*, mode_t)> next_creat{{"creat"}};
LOAM_NEXT Call<int(const char*, struct stat*)> next_stat{{"stat"}};
LOAM_NEXT Call<int(const char*, struct stat*)> next_lstat{{"lstat"}};
LOAM_NEXT Call<int(int, struct stat*)> next_fstat{{"fstat"}};
LOAM_NEXT Call<int(int, const char*, struct stat*, int)> next_fstatat{{"fstatat"}};
LOAM_NEXT Call<int(const char*, int)> next_access{{"access"}};
LOAM_NEXT Call<ssize_t(const char*, char*, size_t)> next_readlink{{"readlink"}};

int named(int result, const char* path) {
  if (refused(result)) [[unlikely]]
    look_at_text(path);
  return result;
}

int told(int result, const char* path, const void* room, size_t bytes) {
  if (refused(result)) [[unlikely]] {
    look_at_text(path);
    look_at(room, bytes, true);
  }
  return result;
}

int open_with(const char* path, int flags, mode_t mode) { return named(next_open(path, flags, mode), path); }

int openat_with(int folder, const char* path, int flags, mode_t mode) {
  return named(next_openat(folder, path, flags, mode), path);
}

// The third argument is there only if a file may be made.
bool has_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

mode_t mode_of(int flags, va_list more) { return has_mode(flags) ? va_arg(more, mode_t) : 0; }

}  // namespace

LOAM_INTERPOSED int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_with(path, flags, mode);
}

LOAM_INTERPOSED int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return open_with(path, flags, mode);
}

LOAM_INTERPOSED int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return openat_with(folder, path, flags, mode);
}

LOAM_INTERPOSED int openat64(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_of(flags, more);
  va_end(more);
  return openat_with(folder, path, flags, mode);
}

LOAM_INTERPOSED int __open_2(const char* path, int flags) { return named(next_open_2(path, flags), path); }

LOAM_INTERPOSED int __open64_2(const char* path, int flags) { return named(next_open_2(path, flags), path); }

LOAM_INTERPOSED int __openat_2(int folder, const char* path, int flags) {
  return named(next_openat_2(folder, path, flags), path);
}

LOAM_INTERPOSED int __openat64_2(int folder, const char* path, int flags) {
  return named(next_openat_2(folder, path, flags), path);
}

LOAM_INTERPOSED int creat(const char* path, mode_t mode) { return named(next_creat(path, mode), path); }

LOAM_INTERPOSED int creat64(const char* path, mode_t mode) { return named(next_creat(path, mode), path); }

LOAM_INTERPOSED int stat(const char* path, struct stat* room) noexcept {
  return told(next_stat(path, room), path, room, sizeof *room);
}

LOAM_INTERPOSED int stat64(const char* path, struct stat64* room) noexcept {
  return told(next_stat(path, reinterpret_cast<struct stat*>(room)), path, room, sizeof *room);
}

LOAM_INTERPOSED int lstat(const char* path, struct stat* room) noexcept {
  return told(next_lstat(path, room), path, room, sizeof *room);
}

LOAM_INTERPOSED int lstat64(const char* path, struct stat64* room) noexcept {
  return told(next_lstat(path, reinterpret_cast<struct stat*>(room)), path, room, sizeof *room);
}

LOAM_INTERPOSED int fstat(int file, struct stat* room) noexcept {
  const int result = next_fstat(file, room);
  if (refused(result)) [[unlikely]]
    look_at(room, sizeof *room, true);
  return result;
}

LOAM_INTERPOSED int fstat64(int file, struct stat64* room) noexcept {
  const int result = next_fstat(file, reinterpret_cast<struct stat*>(room));
  if (refused(result)) [[unlikely]]
    look_at(room, sizeof *room, true);
  return result;
}

LOAM_INTERPOSED int fstatat(int folder, const char* path, struct stat* room, int flags) noexcept {
  return told(next_fstatat(folder, path, room, flags), path, room, sizeof *room);
}

LOAM_INTERPOSED int fstatat64(int folder, const char* path, struct stat64* room, int flags) noexcept {
  return told(next_fstatat(folder, path, reinterpret_cast<struct stat*>(room), flags), path, room,
              sizeof *room);
}

LOAM_INTERPOSED int access(const char* path, int how) noexcept { return named(next_access(path, how), path); }

LOAM_INTERPOSED ssize_t readlink(const char* path, char* room, size_t bytes) noexcept {
  const ssize_t result = next_readlink(path, room, bytes);
  if (refused(result)) [[unlikely]] {
    look_at_text(path);
    look_at(room, bytes, true);
  }
  return result;
}
