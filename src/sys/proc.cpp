#include "sys/proc.hpp"

#include <elf.h>
#include <fcntl.h>

#include "base/bits.hpp"
#include "sys/lines.hpp"
#include "sys/mappings.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {

constexpr uint64_t kPage = 4096;

uint64_t hash_of(const char* name) {
  uint64_t hash = 14695981039346656037u;
  while (*name != '\0') hash = (hash ^ static_cast<unsigned char>(*name++)) * 1099511628211u;
  return hash;
}

bool read_memory(uint64_t address, void* buffer, size_t size) {
  const long descriptor =
      raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/mem"), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const long count = raw_call(SYS_pread64, descriptor, reinterpret_cast<long>(buffer),
                              static_cast<long>(size), static_cast<long>(address));
  raw_call(SYS_close, descriptor);
  return count == static_cast<long>(size);
}

// Where the memory of the program or library mapped from `start` on ends, by its own headers; 0 if they cannot be read.
// Not by plain loads: another thread may unload the library meanwhile.
uint64_t end_of_object(uint64_t start) {
  constexpr unsigned kMostSegments = 32;
  Elf64_Ehdr head = {};
  Elf64_Phdr segments[kMostSegments];
  if (!read_memory(start, &head, sizeof head)) return 0;
  if (__builtin_memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64) return 0;
  if (head.e_phentsize != sizeof segments[0] || head.e_phnum > kMostSegments) return 0;
  if (!read_memory(start + head.e_phoff, segments, head.e_phnum * sizeof segments[0])) return 0;
  uint64_t lowest = ~uint64_t{0};
  uint64_t highest = 0;
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    const Elf64_Phdr& segment = segments[i];
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_vaddr < lowest) lowest = segment.p_vaddr;
    if (segment.p_vaddr + segment.p_memsz > highest) highest = segment.p_vaddr + segment.p_memsz;
  }
  return highest == 0 ? 0 : start + base::align_up(highest, kPage) - base::align_down(lowest, kPage);
}

// The program or library whose mappings the lines go through: one whose file has been seen mapped executable.
struct Object {
  uint64_t file = 0;   // hash of the name of the last file seen
  uint64_t start = 0;  // where its first byte is mapped, which the others follow
  uint64_t name = 0;
  uint64_t end = 0;  // of its last mapping so far

  void pass(const MappingLine& line) {
    if (line.name[0] == '/') {
      const uint64_t hash = hash_of(line.name);
      // The data of a very small library is mapped from the same page of its file as its code.
      if (line.offset == 0 && (hash != file || line.start >= end_of_object(start))) start = line.start;
      file = hash;
      if (line.executable) name = hash;
    }
    end = continues(line) ? line.end : 0;
  }

  bool contains(const MappingLine& line, uint64_t address) const {
    if (line.name[0] == '/' || !continues(line)) return continues(line);
    // The kernel joins what anybody maps directly behind to the zeroed data: only the headers tell them apart.
    const uint64_t end_by_headers = end_of_object(start);
    return end_by_headers == 0 || address < end_by_headers;
  }

 private:
  bool continues(const MappingLine& line) const {
    if (line.name[0] == '/') return line.executable || hash_of(line.name) == name;
    return line.name[0] == '\0' && line.start == end;  // zeroed data behind the file's
  }
};

MappingKind kind_of(const MappingLine& line, uint64_t address, const Object& object) {
  int here;
  const auto stack = reinterpret_cast<uint64_t>(&here);
  if (stack >= line.start && stack < line.end) return MappingKind::kStack;
  if (starts_with(line.name, "[stack")) return MappingKind::kStack;
  if (starts_with(line.name, "[heap]")) return MappingKind::kBreak;
  if (object.contains(line, address)) return MappingKind::kObject;
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
    const MappingLine line = parse_mapping(text);
    if (wanted < line.start) break;
    if (wanted < line.end) return {line.start, line.end, kind_of(line, wanted, object)};
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

bool find_file(const void* address, uint64_t* offset, char* path, size_t size) {
  Lines lines("/proc/self/maps");
  char text[640] = {};
  const auto wanted = reinterpret_cast<uint64_t>(address);
  while (lines.next(text, sizeof text)) {
    const char* at = text;
    const uint64_t start = read_hex(at);
    const uint64_t end = read_hex(++at);
    if (wanted < start || wanted >= end) continue;
    at += sizeof(" rwxp ") - 1;
    *offset = read_hex(at) + (wanted - start);
    while (*at != '\0' && *at != '/') ++at;
    size_t length = 0;
    for (; at[length] != '\0' && length + 1 < size; ++length) path[length] = at[length];
    path[length] = '\0';
    return length > 0;
  }
  return false;
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
