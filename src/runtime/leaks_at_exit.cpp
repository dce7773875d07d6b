#include "runtime/leaks_at_exit.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>

#include "base/text.hpp"
#include "runtime/leaks.hpp"
#include "runtime/runtime.hpp"
#include "stack/walk.hpp"
#include "sys/kernel.hpp"
#include "sys/mappings.hpp"
#include "sys/side_thread.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

constexpr size_t kStackBytes = size_t{128} << 10;
constexpr size_t kStorageBytes = 8192;

struct Aside {
  alignas(16) char stack[kStackBytes];
  alignas(16) char storage[kStorageBytes];
  const char* folder;
  uint32_t ending_thread;
  uint64_t ending_stack;
  uint64_t ending_frames;
};

constinit std::atomic<uint32_t> done{0};

bool contains(const char* text, const char* part) {
  for (; *text != '\0'; ++text) {
    const char* at = text;
    const char* wanted = part;
    while (*wanted != '\0' && *at == *wanted) ++at, ++wanted;
    if (*wanted == '\0') return true;
  }
  return false;
}

// The code of the program and its libraries, without what runs when it ends: the C library, the loader, ourselves.
struct Code {
  static constexpr unsigned kMost = 512;
  struct Range {
    uint64_t start;
    uint64_t end;
  };

  unsigned count = 0;
  bool overflow = false;
  uint64_t stack_end = 0;
  Range ranges[kMost] = {};

  void read(uint64_t frame) {
    sys::Mappings mappings;
    for (sys::MappingLine line; mappings.next(&line);) {
      if (frame >= line.start && frame < line.end) stack_end = line.end;
      const bool machinery = contains(line.name, "/libc.so") || contains(line.name, "/libc-2") ||
                             contains(line.name, "/ld-") || contains(line.name, "/libloam") ||
                             line.name[0] == '[';
      if (!line.executable || machinery) continue;
      overflow = overflow || count == kMost;
      if (count < kMost) ranges[count++] = {line.start, line.end};
    }
  }

  bool holds(uint64_t address) const {
    for (unsigned i = 0; i < count; ++i) {
      if (address >= ranges[i].start && address < ranges[i].end) return true;
    }
    return false;
  }
};

constinit Code code;

// Where the frames of the program begin above those of exit(): at its first frame. Where main returned that is _start's, and what
// main and its callees have left below is nobody's. Where the stack cannot be followed so far, at the first word that may be a return
// address into the program; what only looks like one makes the part that counts larger.
uint64_t end_of_exit(uint64_t frame) {
  code.read(frame);
  if (code.overflow) return frame;
  stack::Registers here;
  stack::Registers::here(here);
  stack::Walk walk(here);
  do {
    if (code.holds(walk.frame().pc())) return walk.sp() > frame ? walk.sp() : frame;
  } while (walk.next());
  uint64_t at = frame;
  while (at < code.stack_end && !code.holds(*reinterpret_cast<const uint64_t*>(at))) at += sizeof(uint64_t);
  return at;
}

// Where the program's frames end on the stack of the first thread, below its arguments and environment; 0 on another stack.
// What they hold is lost: nobody returns to them.
uint64_t end_of_frames(uint64_t frame) {
  const auto* bottom = static_cast<const uint64_t*>(next_symbol("__libc_stack_end"));
  if (bottom == nullptr) return 0;
  return *bottom > frame && *bottom < code.stack_end ? *bottom : 0;
}

long open_in(const char* folder, const char* name) {
  base::Text path;
  path.add(folder).add("/").add(name).add(".").add(sys::process_id());
  return sys::raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path.data()),
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

bool write_to(void* file, const void* from, size_t bytes) {
  const auto* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const long written = sys::raw_call(SYS_write, *static_cast<long*>(file), reinterpret_cast<long>(at),
                                       static_cast<long>(bytes));
    if (written <= 0) return false;
    at += written;
    bytes -= static_cast<size_t>(written);
  }
  return true;
}

void copy_mappings(const char* folder) {
  long to = open_in(folder, "maps");
  const long from =
      sys::raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>("/proc/self/maps"), O_RDONLY | O_CLOEXEC);
  char buffer[4096];
  for (;;) {
    const long bytes = sys::raw_call(SYS_read, from, reinterpret_cast<long>(buffer), sizeof buffer);
    if (bytes <= 0 || !write_to(&to, buffer, static_cast<size_t>(bytes))) return;
  }
}

void run_aside(void* argument) {
  auto& aside = *static_cast<Aside*>(argument);
  if (sys::leave_descriptors()) {
    copy_mappings(aside.folder);
    long file = open_in(aside.folder, "leaks");
    LeakSearch search{write_to,           &file, 0, 0, {}, {}, aside.ending_thread, aside.ending_stack,
                      aside.ending_frames};
    const auto start = reinterpret_cast<uint64_t>(argument);
    search.own[search.own_count++] = {start, start + sizeof(Aside)};
    if (!sys::failed(file)) search_leaks(search);
  }
  done.store(1, std::memory_order_release);
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&done), FUTEX_WAKE_PRIVATE, 1);
  sys::leave_side_thread(&aside, sizeof aside);
}

}  // namespace

void search_leaks_at_exit(const char* folder, uint64_t frame) {
  const long memory =
      sys::map_call(0, sizeof(Aside), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (sys::failed(memory)) return;
  auto& aside = *reinterpret_cast<Aside*>(memory);
  aside.folder = folder;
  aside.ending_thread = sys::thread_id();
  aside.ending_stack = end_of_exit(frame);
  aside.ending_frames = end_of_frames(frame);
  const bool started =
      sys::start_side_thread(run_aside, &aside, aside.stack + kStackBytes, aside.storage + kStorageBytes / 2);
  while (started && done.load(std::memory_order_acquire) == 0)
    sys::raw_call(SYS_futex, reinterpret_cast<long>(&done), FUTEX_WAIT_PRIVATE, 0, 0);
}

}  // namespace loam::runtime
