// Reading and writing through a descriptor or a stream. The names with _chk are those that a program built with _FORTIFY_SOURCE calls.
#include <stdio.h>
#include <unistd.h>

#include "interpose/refused.hpp"

namespace {

using loam::interpose::Call;
using loam::interpose::filled;
using loam::interpose::filled_parts;
using loam::interpose::look_at;
using loam::interpose::refused;
using loam::interpose::taken;
using loam::interpose::taken_parts;

LOAM_NEXT Call<ssize_t(int, void*, size_t)> next_read{{"read"}};
LOAM_NEXT Call<ssize_t(int, void*, size_t, size_t)> next_read_chk{{"__read_chk"}};
LOAM_NEXT Call<ssize_t(int, void*, size_t, off_t)> next_pread{{"pread"}};
LOAM_NEXT Call<ssize_t(int, void*, size_t, off_t, size_t)> next_pread_chk{{"__pread_chk"}};
LOAM_NEXT Call<ssize_t(int, const iovec*, int)> next_readv{{"readv"}};
LOAM_NEXT Call<ssize_t(int, const iovec*, int, off_t)> next_preadv{{"preadv"}};
LOAM_NEXT Call<ssize_t(int, const void*, size_t)> next_write{{"write"}};
LOAM_NEXT Call<ssize_t(int, const void*, size_t, off_t)> next_pwrite{{"pwrite"}};
LOAM_NEXT Call<ssize_t(int, const iovec*, int)> next_writev{{"writev"}};
LOAM_NEXT Call<ssize_t(int, const iovec*, int, off_t)> next_pwritev{{"pwritev"}};
LOAM_NEXT Call<size_t(void*, size_t, size_t, FILE*)> next_fread{{"fread"}};
LOAM_NEXT Call<size_t(const void*, size_t, size_t, FILE*)> next_fwrite{{"fwrite"}};

// A stream passes large buffers on as they are.
bool stream_refused(size_t done, size_t count, FILE* stream) {
  return done < count && errno == EFAULT && ferror(stream) != 0;
}

}  // namespace

LOAM_INTERPOSED ssize_t read(int file, void* buffer, size_t bytes) {
  return filled(next_read(file, buffer, bytes), buffer, bytes);
}

LOAM_INTERPOSED ssize_t __read_chk(int file, void* buffer, size_t bytes, size_t room) {
  return filled(next_read_chk(file, buffer, bytes, room), buffer, bytes);
}

LOAM_INTERPOSED ssize_t pread(int file, void* buffer, size_t bytes, off_t at) {
  return filled(next_pread(file, buffer, bytes, at), buffer, bytes);
}

LOAM_INTERPOSED ssize_t pread64(int file, void* buffer, size_t bytes, off64_t at) {
  return filled(next_pread(file, buffer, bytes, at), buffer, bytes);
}

LOAM_INTERPOSED ssize_t __pread_chk(int file, void* buffer, size_t bytes, off_t at, size_t room) {
  return filled(next_pread_chk(file, buffer, bytes, at, room), buffer, bytes);
}

LOAM_INTERPOSED ssize_t __pread64_chk(int file, void* buffer, size_t bytes, off64_t at, size_t room) {
  return filled(next_pread_chk(file, buffer, bytes, at, room), buffer, bytes);
}

LOAM_INTERPOSED ssize_t readv(int file, const iovec* parts, int count) {
  return filled_parts(next_readv(file, parts, count), parts, count);
}

LOAM_INTERPOSED ssize_t preadv(int file, const iovec* parts, int count, off_t at) {
  return filled_parts(next_preadv(file, parts, count, at), parts, count);
}

LOAM_INTERPOSED ssize_t preadv64(int file, const iovec* parts, int count, off64_t at) {
  return filled_parts(next_preadv(file, parts, count, at), parts, count);
}

LOAM_INTERPOSED ssize_t write(int file, const void* buffer, size_t bytes) {
  return taken(next_write(file, buffer, bytes), buffer, bytes);
}

LOAM_INTERPOSED ssize_t pwrite(int file, const void* buffer, size_t bytes, off_t at) {
  return taken(next_pwrite(file, buffer, bytes, at), buffer, bytes);
}

LOAM_INTERPOSED ssize_t pwrite64(int file, const void* buffer, size_t bytes, off64_t at) {
  return taken(next_pwrite(file, buffer, bytes, at), buffer, bytes);
}

LOAM_INTERPOSED ssize_t writev(int file, const iovec* parts, int count) {
  return taken_parts(next_writev(file, parts, count), parts, count);
}

LOAM_INTERPOSED ssize_t pwritev(int file, const iovec* parts, int count, off_t at) {
  return taken_parts(next_pwritev(file, parts, count, at), parts, count);
}

LOAM_INTERPOSED ssize_t pwritev64(int file, const iovec* parts, int count, off64_t at) {
  return taken_parts(next_pwritev(file, parts, count, at), parts, count);
}

LOAM_INTERPOSED size_t fread(void* buffer, size_t size, size_t count, FILE* stream) {
  const size_t done = next_fread(buffer, size, count, stream);
  if (stream_refused(done, count, stream)) [[unlikely]]
    look_at(buffer, size * count, true);
  return done;
}

LOAM_INTERPOSED size_t fwrite(const void* buffer, size_t size, size_t count, FILE* stream) {
  const size_t done = next_fwrite(buffer, size, count, stream);
  if (stream_refused(done, count, stream)) [[unlikely]]
    look_at(buffer, size * count, false);
  return done;
}
