#include "sys/memory_room.hpp"

#include "base/text.hpp"
#include "sys/lines.hpp"
#include "sys/proc.hpp"

namespace loam::sys {

namespace {

constexpr uint64_t kNone = ~uint64_t{0};
constexpr uint64_t kNoLimit = uint64_t{1} << 62;  // version 1 writes a huge number, version 2 "max"

bool read_value(const char* folder, const char* path, const char* file, uint64_t* value) {
  base::Text name;
  name.add(folder).add(path).add("/").add(file);
  char text[64];
  if (read_file(name.data(), text, sizeof text) == 0) return false;
  *value = 0;
  const char* at = text;
  if (*at == 'm') return *value = kNone, true;
  for (; *at >= '0' && *at <= '9'; ++at) *value = *value * 10 + static_cast<uint64_t>(*at - '0');
  if (*value >= kNoLimit) *value = kNone;
  return at != text;
}

// "key 4711" in a file of such lines; with `kilobytes` "Key:  4711 kB".
uint64_t read_entry(const char* path, const char* key, bool kilobytes) {
  char line[128];
  for (Lines lines(path); lines.next(line, sizeof line);) {
    const char* at = line;
    const char* wanted = key;
    while (*wanted != '\0' && *at == *wanted) ++at, ++wanted;
    if (*wanted != '\0' || (*at != ' ' && *at != ':')) continue;
    while (*at == ' ' || *at == ':') ++at;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; ++at) value = value * 10 + static_cast<uint64_t>(*at - '0');
    return kilobytes ? value * 1024 : value;
  }
  return 0;
}

struct Files {
  const char* folder;
  const char* limit;
  const char* used;
  const char* droppable;
};
constexpr Files kVersion2{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
constexpr Files kVersion1{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                          "total_inactive_file"};

void consider(const Files& files, const char* path, MemoryRoom* room) {
  uint64_t limit = 0;
  uint64_t used = 0;
  if (!read_value(files.folder, path, files.limit, &limit) || limit == kNone) return;
  if (!read_value(files.folder, path, files.used, &used)) return;
  base::Text statistics;
  statistics.add(files.folder).add(path).add("/memory.stat");
  const uint64_t droppable = read_entry(statistics.data(), files.droppable, false);
  used = used > droppable ? used - droppable : 0;
  const uint64_t left = limit > used ? limit - used : 0;
  if (room->limit == kNone || left < room->limit - room->used) {
    room->limit = limit;
    room->used = used < limit ? used : limit;
  }
}

// The group and all above it. Inside a container the path may lead nowhere, and the root of the hierarchy is the group.
void consider_all(const Files& files, char* path, MemoryRoom* room) {
  for (;;) {
    consider(files, path, room);
    char* last = nullptr;
    for (char* at = path; *at != '\0'; ++at) {
      if (*at == '/') last = at;
    }
    if (last == nullptr || path[0] == '\0') return;
    *last = '\0';
  }
}

bool has_memory_controller(const char* controllers, const char* end) {
  constexpr char kName[] = "memory";
  for (const char* at = controllers; at + sizeof kName - 1 <= end; ++at) {
    if (__builtin_memcmp(at, kName, sizeof kName - 1) == 0) return true;
  }
  return false;
}

}  // namespace

// Lines of /proc/self/cgroup: "4:memory:/path" in version 1, "0::/path" in version 2.
MemoryRoom memory_room() {
  MemoryRoom room{kNone, 0, read_entry("/proc/meminfo", "MemAvailable", true)};
  char line[400];
  for (Lines lines("/proc/self/cgroup"); lines.next(line, sizeof line);) {
    char* controllers = line;
    while (*controllers != ':' && *controllers != '\0') ++controllers;
    if (*controllers == ':') ++controllers;
    char* path = controllers;
    while (*path != ':' && *path != '\0') ++path;
    if (*path != ':') continue;
    const bool second = path == controllers;
    const bool first = has_memory_controller(controllers, path);
    ++path;
    if (path[0] == '/' && path[1] == '\0') path[0] = '\0';
    if (second) consider_all(kVersion2, path, &room);
    if (first) consider_all(kVersion1, path, &room);
  }
  return room;
}

}  // namespace loam::sys
