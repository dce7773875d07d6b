#include "sys/threads.hpp"

#include <fcntl.h>

#include "base/text.hpp"
#include "sys/kernel.hpp"
#include "sys/lines.hpp"
#include "sys/proc.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {

// What getdents64 fills in.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t bytes;
  uint8_t type;
  char name[];
};

uint64_t read_decimal(const char*& text) {
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text) value = value * 10 + static_cast<uint64_t>(*text - '0');
  return value;
}

size_t read_task_file(uint32_t entry, const char* file, char* buffer, size_t size) {
  base::Text path;
  path.add("/proc/self/task/").add(entry).add("/").add(file);
  return read_file(path.data(), buffer, size);
}

// The line of /proc/self/task/ENTRY/status that begins with `key`; returns what follows the key, or null.
const char* status_line(uint32_t entry, const char* key, char* line, size_t size) {
  base::Text path;
  path.add("/proc/self/task/").add(entry).add("/status");
  for (Lines lines(path.data()); lines.next(line, size);) {
    const char* at = line;
    const char* wanted = key;
    while (*wanted != '\0' && *at == *wanted) ++at, ++wanted;
    if (*wanted == '\0') return at;
  }
  return nullptr;
}

// The last of the numbers in "NSpid: 4711 1", which is the one of the innermost namespace.
uint32_t innermost_id(uint32_t entry) {
  char line[256];
  const char* at = status_line(entry, "NSpid:", line, sizeof line);
  uint64_t id = 0;
  while (at != nullptr && *at != '\0') {
    if (*at >= '0' && *at <= '9')
      id = read_decimal(at);
    else
      ++at;
  }
  return static_cast<uint32_t>(id);
}

bool proc_is_ours() {
  char target[32] = {};
  const long length = raw_call(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/self"),
                               reinterpret_cast<long>(target), sizeof target - 1);
  const char* at = target;
  return length > 0 && read_decimal(at) == process_id();
}

}  // namespace

bool for_each_thread(void (*visit)(const ThreadName&, void*), void* argument) {
  const long folder = raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/task"),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (failed(folder)) return false;
  const bool ours = proc_is_ours();
  alignas(8) char buffer[4096] = {};
  bool any = false;
  for (;;) {
    const long bytes = raw_call(SYS_getdents64, folder, reinterpret_cast<long>(buffer), sizeof buffer);
    if (bytes <= 0) break;
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->bytes;
      const char* name = entry->name;
      if (*name < '0' || *name > '9') continue;
      const auto number = static_cast<uint32_t>(read_decimal(name));
      visit({number, ours ? number : innermost_id(number)}, argument);
      any = true;
    }
  }
  raw_call(SYS_close, folder);
  return any;
}

// "running", or "232 0x4 0x7ffd... (six arguments) sp pc", or "-1 sp pc".
bool read_waiting(uint32_t entry, WaitingThread* thread) {
  char text[256];
  if (read_task_file(entry, "syscall", text, sizeof text) == 0) return false;
  const char* at = text;
  *thread = {};
  const bool elsewhere = at[0] == '-' && at[1] == '1';
  if (!elsewhere && (*at < '0' || *at > '9')) return false;
  if (elsewhere) {
    at += 2;
    thread->call = -1;
  } else {
    thread->call = static_cast<long>(read_decimal(at));
  }
  const auto next = [&at] {
    while (*at == ' ') ++at;
    if (at[0] == '0' && at[1] == 'x') at += 2;
    return read_hex(at);
  };
  if (!elsewhere) {
    for (uint64_t& value : thread->arguments) value = next();
  }
  thread->stack = next();
  return thread->stack != 0;
}

// "nanoseconds-on-processor nanoseconds-waiting times"
namespace {

uint64_t schedule_field(uint32_t entry, int wanted) {
  char text[96];
  if (read_task_file(entry, "schedstat", text, sizeof text) == 0) return 0;
  const char* at = text;
  uint64_t value = 0;
  for (int field = 0; field <= wanted; ++field) {
    while (*at == ' ') ++at;
    value = read_decimal(at);
  }
  return value;
}

}  // namespace

uint64_t times_run(uint32_t entry) { return schedule_field(entry, 2); }

uint64_t processor_ns(uint32_t entry) { return schedule_field(entry, 0); }

bool blocks_signal(uint32_t entry, int signal) {
  char line[64];
  const char* at = status_line(entry, "SigBlk:", line, sizeof line);
  if (at == nullptr) return false;
  while (*at == ' ' || *at == '\t') ++at;
  return ((read_hex(at) >> (signal - 1)) & 1) != 0;
}

bool thread_exists(uint32_t id) {
  return !failed(raw_call(SYS_tgkill, static_cast<long>(process_id()), static_cast<long>(id), 0));
}

void read_thread_name(uint32_t entry, char (&name)[kThreadNameBytes]) {
  name[0] = '\0';
  read_task_file(entry, "comm", name, sizeof name);
  for (char& c : name) {
    if (c == '\n') c = '\0';
  }
}

bool is_interrupted_by_signals(long call) {
  switch (call) {
#ifdef SYS_poll
    case SYS_poll:
#endif
#ifdef SYS_select
    case SYS_select:
#endif
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
#ifdef SYS_pause
    case SYS_pause:
#endif
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_io_getevents:
    case SYS_io_uring_enter:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_msgrcv:
    case SYS_msgsnd:
      return true;
    default:
      return false;
  }
}

}  // namespace loam::sys
