// Start of the runtime: options, page source, modes, handlers.
#include <sys/auxv.h>
#include <unistd.h>

#include <atomic>

#include "heap/fault.hpp"
#include "heap/regions.hpp"
#include "options/parse.hpp"
#include "report/messages.hpp"
#include "runtime/checking.hpp"
#include "runtime/control.hpp"
#include "runtime/fork.hpp"
#include "runtime/leaks_at_exit.hpp"
#include "runtime/placing.hpp"
#include "runtime/recording.hpp"
#include "runtime/runtime.hpp"
#include "runtime/sites.hpp"
#include "runtime/statistics.hpp"
#include "runtime/thread.hpp"
#include "sys/kernel.hpp"
#include "sys/lock.hpp"
#include "sys/proc.hpp"

namespace loam::runtime {

namespace {

struct State {
  std::atomic<uint32_t> starter{0};  // thread that is starting
};

constinit State state;
constinit options::Values values;

constexpr size_t kEnvironmentBytes = size_t{256} << 10;

const char* find_variable(const char* entry, const char* name) {
  while (*name != '\0') {
    if (*entry++ != *name++) return nullptr;
  }
  return *entry == '=' ? entry + 1 : nullptr;
}

void read_options(const char* text) {
  const options::Result result = options::parse(text, values);
  if (result.ok()) return;
  char description[256];
  options::describe(result, description, sizeof description);
  report::bad_option(description);
}

// The environment, which libc may not have set up yet when the loader's first malloc gets here.
void read_environment() {
  constexpr char kName[] = "LOAM_OPTIONS";
  if (getauxval(AT_SECURE) != 0) return;  // a setuid program takes no orders from its caller
  if (environ != nullptr) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (const char* text = find_variable(*entry, kName)) read_options(text);
    }
    return;
  }
  auto* text = static_cast<char*>(sys::map(kEnvironmentBytes));
  if (text == nullptr) return;
  const size_t size = sys::read_file("/proc/self/environ", text, kEnvironmentBytes);
  for (size_t at = 0; at < size;) {
    if (const char* value = find_variable(text + at, kName)) read_options(value);
    while (at < size && text[at] != '\0') ++at;
    ++at;
  }
  sys::unmap(text, kEnvironmentBytes);
}

bool is_denied() {
  if (values.deny[0] == '\0') return false;
  char path[512];
  const auto name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  size_t length = 0;
  for (; name != nullptr && name[length] != '\0' && length + 1 < sizeof path; ++length)
    path[length] = name[length];
  path[length] = '\0';
  while (length > 0 && path[length - 1] != '/') --length;
  return options::names_contain(values.deny, path + length);
}

sys::SourceKind source_kind() {
  switch (values.source) {
    case options::Source::kSbrk:
      return sys::SourceKind::kBreak;
    case options::Source::kFile:
      return sys::SourceKind::kFile;
    case options::Source::kMmap:
      break;
  }
  return sys::SourceKind::kMap;
}

void on_fault(const heap::Fault& fault) { report::fault(report::Operation::kFree, fault); }

report::Choices choices(bool counted) {
  const char* source = options::option(options::Key::kSource).fallback;
  if (values.source == options::Source::kSbrk) source = "sbrk";
  if (values.source == options::Source::kFile) source = "file";
  return {source, values.advice, values.purge_delay_ms, counted};
}

Mode open_all() {
  read_environment();
  if (is_denied()) {
    if (values.verbose) report::passive("the executable is named in 'deny'");
    return Mode::kPassive;
  }
  if (values.fail_nth != 0) sys::fail_call(values.fail_nth, false);
  if (values.fail_from != 0) sys::fail_call(values.fail_from, true);
  heap::regions.set_decay_ns(values.purge_delay_ms * 1'000'000);
  // A policy's region is the program's heap then, and has the source; ours serves what the region cannot.
  const bool placed = values.policy != options::kNoPolicy;
  const sys::SourceKind source = placed ? sys::SourceKind::kMap : source_kind();
  if (!heap::regions.open(source, values.source_path, values.advice)) {
    report::passive("the kernel gave no memory for the heap's tables");
    return Mode::kPassive;
  }
  heap::fault_handler = on_fault;
  prepare_threads();
  prepare_fork();
  if (placed && values.check_path[0] == '\0' && open_placing(values, source_kind())) {
    if (values.verbose) report::placed(options::kPolicyNames[values.policy], choices(false).source);
    return Mode::kPolicy;
  }
  prepare_control();
  if (values.check_path[0] != '\0' && open_checking(values)) {
    if (values.verbose) report::started(choices(false));
    return Mode::kCheck;
  }
  const bool counted = values.stats_path[0] != '\0' && open_statistics(values);
  if (values.verbose) report::started(choices(counted));
  const bool traced = open_sites(values);
  if (!counted && open_recording(values)) return Mode::kRecord;
  if (counted) return Mode::kStats;
  return traced ? Mode::kStacks : Mode::kFast;
}

}  // namespace

constinit std::atomic<Mode> current_mode{Mode::kUnstarted};

void start() {
  if (mode() != Mode::kUnstarted) return;
  const uint32_t mine = sys::thread_id();
  uint32_t nobody = 0;
  if (!state.starter.compare_exchange_strong(nobody, mine, std::memory_order_acquire)) {
    // Only the first thread runs this early; a second one, started from a constructor, waits for it. The starter
    // itself comes here again if a handler it registers allocates: it is then served by the kernel's pages alone.
    while (state.starter.load(std::memory_order_relaxed) != mine && mode() == Mode::kUnstarted) sys::yield();
    return;
  }
  current_mode.store(open_all(), std::memory_order_release);
}

// Before the program's own constructors where possible, so that the mode is settled by then.
__attribute__((constructor(101))) static void start_early() { start(); }

// After the program's own handlers of exit.
__attribute__((destructor(101))) static void finish() {
  finish_statistics();
  finish_checking();
  finish_recording();
  if (mode() == Mode::kPolicy) {
    if (values.verbose) report_placing();
    return;
  }
  if (values.leaks_path[0] != '\0' && mode() != Mode::kPassive)
    search_leaks_at_exit(values.leaks_path, reinterpret_cast<uint64_t>(__builtin_frame_address(0)));
}

}  // namespace loam::runtime
