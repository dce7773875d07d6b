#include "sys/proc.hpp"

#include <fcntl.h>

#include "sys/lines.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {

struct Line {
  uint64_t start;
  uint64_t end;
  bool writable;
  bool executable;
  bool shared;
  const char* name;
};

// "start-end rwxp offset device inode   name"
Line parse(const char* text) {
  Line line{};
  line.start = read_hex(text);
  if (*text == '-') ++text;
  line.end = read_hex(text);
  if (*text == ' ') ++text;
  for (int i = 0; i < 4 && *text != '\0'; ++i, ++text) {
    if (i == 1) line.writable = *text == 'w';
    if (i == 2) line.executable = *text == 'x';
    if (i == 3) line.shared = *text == 's';
  }
  for (int field = 0; field < 3 && *text != '\0'; ++field) {
    while (*text == ' ') ++text;
    while (*text != ' ' && *text != '\0') ++text;
  }
  while (*text == ' ') ++text;
  line.name = text;
  return line;
}

bool starts_with(const char* text, const char* prefix) {
  while (*prefix != '\0') {
    if (*text++ != *prefix++) return false;
  }
  return true;
}

uint64_t hash_of(const char* name) {
  uint64_t hash = 14695981039346656037u;
  while (*name != '\0') hash = (hash ^ static_cast<unsigned char>(*name++)) * 1099511628211u;
  return hash;
}

// The program or library whose mappings the lines go through: one whose file has been seen mapped executable.
struct Object {
  uint64_t name = 0;
  uint64_t end = 0;  // of its last mapping so far

  void pass(const Line& line) {
    if (line.name[0] == '/' && line.executable) name = hash_of(line.name);
    end = contains(line) ? line.end : 0;
  }

  bool contains(const Line& line) const {
    if (line.name[0] == '/') return line.executable || hash_of(line.name) == name;
    return line.name[0] == '\0' && line.start == end;  // zeroed data behind the file's
  }
};

MappingKind kind_of(const Line& line, const Object& object) {
  int here;
  const auto stack = reinterpret_cast<uint64_t>(&here);
  if (stack >= line.start && stack < line.end) return MappingKind::kStack;
  if (starts_with(line.name, "[stack")) return MappingKind::kStack;
  if (starts_with(line.name, "[heap]")) return MappingKind::kBreak;
  if (object.contains(line)) return MappingKind::kObject;
  const bool nameless = line.name[0] == '\0' || starts_with(line.name, "[anon");
  return nameless && line.writable && !line.shared ? MappingKind::kAnonymous : MappingKind::kOther;
}

}  // namespace

MappingInfo find_mapping(const void* address) {
  Lines lines("/proc/self/maps");
  char text[256];
  const auto wanted = reinterpret_cast<uint64_t>(address);
  Object object;
  while (lines.next(text, sizeof text)) {
    const Line line = parse(text);
    if (wanted < line.start) break;
    if (wanted < line.end) return {line.start, line.end, kind_of(line, object)};
    object.pass(line);
  }
  return {0, 0, MappingKind::kNone};
}

uint64_t count_mappings() {
  Lines lines("/proc/self/maps");
  char text[64];
  uint64_t count = 0;
  while (lines.next(text, sizeof text)) ++count;
  return count;
}

size_t read_file(const char* path, char* buffer, size_t size) {
  const long descriptor = raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
  size_t filled = 0;
  while (descriptor >= 0 && filled + 1 < size) {
    const long count = raw_call(SYS_read, descriptor, reinterpret_cast<long>(buffer + filled),
                                static_cast<long>(size - 1 - filled));
    if (count <= 0) break;
    filled += static_cast<size_t>(count);
  }
  if (descriptor >= 0) raw_call(SYS_close, descriptor);
  buffer[filled] = '\0';
  return filled;
}

}  // namespace loam::sys
