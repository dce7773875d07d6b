// Writing what was found into the file that the tool shares. Stacks are turned into places in modules here, which are remembered
// when they are unloaded; all else is the tool's work.
#include "format/findings.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "runtime/checking.hpp"
#include "stack/modules.hpp"
#include "stack/stack.hpp"
#include "sys/kernel.hpp"
#include "sys/probe.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

using format::FindingFile;
using format::FindingRecord;

struct State {
  FindingFile* file = nullptr;
  format::ProcessRecord* process = nullptr;
};

constinit State state;

bool same_bytes(const void* a, const void* b, size_t size) { return __builtin_memcmp(a, b, size) == 0; }

bool is_module(const format::FindingModule& known, const stack::Module& module) {
  if (known.ready.load(std::memory_order_acquire) == 0 || known.build_id_bytes != module.build_id_size ||
      !same_bytes(known.build_id, module.build_id, module.build_id_size))
    return false;
  size_t at = 0;
  while (known.path[at] != '\0' && known.path[at] == module.path[at]) ++at;
  return known.path[at] == module.path[at];
}

uint32_t module_index(const stack::Module& module) {
  FindingFile& file = *state.file;
  const uint64_t claimed = file.modules.load(std::memory_order_acquire);
  const uint64_t count = claimed < format::kMaxModules ? claimed : format::kMaxModules;
  for (uint32_t i = 0; i < count; ++i) {
    if (is_module(file.module[i], module)) return i;
  }
  format::FindingModule* record = format::claim_record(file.modules, file.module);
  if (record == nullptr) return format::kNoModule;
  record->build_id_bytes = module.build_id_size;
  __builtin_memcpy(record->build_id, module.build_id, module.build_id_size);
  format::copy_text(record->path, module.path == nullptr ? "" : module.path);
  record->ready.store(1, std::memory_order_release);
  return static_cast<uint32_t>(record - file.module);
}

void fill_frame(format::FindingFrame& to, stack::Frame frame) {
  to.address = frame.pc();
  to.guessed = frame.guessed() ? 1 : 0;
  to.module = format::kNoModule;
  const stack::Module* module = stack::module_of(frame.module());
  if (module == nullptr) return;
  to.offset = frame.pc() - module->bias;
  to.module = module_index(*module);
}

void fill_stack(format::FindingStack& to, uint32_t thread, check::StackId id, bool exact) {
  stack::Frame frames[format::kMaxFrames];
  const stack::Resolved resolved = stack::resolve(id, frames, format::kMaxFrames);
  to.thread = thread;
  to.frames = resolved.count;
  to.depth = resolved.depth;
  to.exact = exact ? 1 : 0;
  for (uint32_t i = 0; i < resolved.count; ++i) fill_frame(to.frame[i], frames[i]);
}

// What counts as the same stack: the same calls next to malloc or free. Else one defect in a function that is called from many
// places would be as many findings.
uint64_t inner_key(check::StackId id) {
  constexpr uint32_t kInner = 4;
  stack::Frame frames[kInner];
  const stack::Resolved resolved = stack::resolve(id, frames, kInner);
  uint64_t key = resolved.count;
  for (uint32_t i = 0; i < resolved.count; ++i) key = (key ^ frames[i].word()) * 0x9e3779b97f4a7c15u;
  return key;
}

uint64_t key_of(const check::Finding& finding) {
  uint64_t key = static_cast<uint64_t>(finding.kind) * 31 + static_cast<uint64_t>(finding.evidence);
  for (const check::StackId part : {finding.here, finding.allocated_at, finding.freed_at})
    key = (key ^ inner_key(part)) * 0x100000001b3u;
  return key;
}

// Text of the program's own, which may lie anywhere, to the end of what is in `copy` already.
bool append_if_readable(const char* text, char (&copy)[format::kPathBytes]) {
  constexpr uint64_t kPage = 4096;
  for (size_t i = 0, to = strlen(copy); to < format::kPathBytes; ++i, ++to) {
    const auto at = reinterpret_cast<uint64_t>(text + i);
    if ((i == 0 || at % kPage == 0) && !sys::readable(base::align_down(at, sizeof(uint64_t)))) return false;
    copy[to] = text[i];
    if (copy[to] == '\0') return true;
  }
  return false;
}

bool names_a_folder(const char* path) {
  while (*path != '\0' && *path != '/') ++path;
  return *path == '/';
}

// The tool may stand in another folder than the process.
bool whole_path(const char* path, char (&copy)[format::kPathBytes]) {
  copy[0] = '\0';
  if (!append_if_readable(path, copy)) return false;
  if (copy[0] == '/' || !names_a_folder(copy)) return true;
  const long bytes = sys::raw_call(SYS_getcwd, reinterpret_cast<long>(copy), sizeof copy - 1);
  if (sys::failed(bytes) || bytes < 1) return false;
  copy[bytes - 1] = '/';
  copy[bytes] = '\0';
  return append_if_readable(path, copy);
}

// The same defect met again in this process.
bool count_repeat(uint64_t key) {
  const uint64_t claimed = state.file->findings.load(std::memory_order_acquire);
  const uint64_t count = claimed < format::kMaxFindings ? claimed : format::kMaxFindings;
  const uint32_t pid = state.process->pid;
  for (uint64_t i = 0; i < count; ++i) {
    FindingRecord& record = state.file->finding[i];
    if (record.ready.load(std::memory_order_acquire) == 0 || record.key != key || record.pid != pid) continue;
    record.repeats.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace

bool open_findings(const char* path) {
  const long file = sys::raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDWR | O_CLOEXEC);
  if (sys::failed(file)) return false;
  const long mapped =
      sys::raw_call(SYS_mmap, 0, sizeof(FindingFile), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  sys::raw_call(SYS_close, file);
  if (sys::failed(mapped)) return false;
  state.file = reinterpret_cast<FindingFile*>(mapped);
  if (state.file->fits()) return true;
  state.file = nullptr;
  return false;
}

check::Piece findings_memory() {
  const auto start = reinterpret_cast<uint64_t>(state.file);
  return {start, start == 0 ? 0 : start + sizeof(FindingFile)};
}

void begin_findings() {
  state.process = format::claim_record(state.file->processes, state.file->process);
  static constinit format::ProcessRecord unseen{};  // written to when the file is full, read by nobody
  if (state.process == nullptr) state.process = &unseen;
  state.process->pid = sys::process_id();
  state.process->parent_pid = static_cast<uint32_t>(sys::raw_call(SYS_getppid));
  const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  format::copy_text(state.process->executable, name == nullptr ? "" : name);
  state.process->ready.store(1, std::memory_order_release);
  write_watched(false);
}

void write_finding(const check::Finding& finding) {
  write_watched(false);  // the process may not come to its end
  const uint64_t key = key_of(finding);
  if (count_repeat(key)) return;
  FindingRecord* record = format::claim_record(state.file->findings, state.file->finding);
  if (record == nullptr) {
    state.process->lost_findings.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  record->pid = state.process->pid;
  record->key = key;
  record->kind = static_cast<format::FindingKind>(finding.kind);
  record->evidence = static_cast<format::FindingEvidence>(finding.evidence);
  record->access = static_cast<format::FindingAccess>(finding.access);
  record->allocated_as = static_cast<format::FindingFamily>(finding.allocated_as);
  record->freed_as = static_cast<format::FindingFamily>(finding.freed_as);
  record->sized = finding.sized ? 1 : 0;
  record->address = finding.address;
  record->block = finding.block;
  record->size = finding.size;
  record->offset = finding.offset;
  record->extent = static_cast<int64_t>(finding.extent);
  format::copy_text(record->place, finding.place == nullptr ? "" : finding.place);
  fill_stack(record->stacks[0], finding.thread, finding.here, finding.exact);
  fill_stack(record->stacks[1], finding.allocated_by, finding.allocated_at, false);
  fill_stack(record->stacks[2], finding.freed_by, finding.freed_at, false);
  record->ready.store(1, std::memory_order_release);
}

void write_program(const char* path) {
  char copy[format::kPathBytes];
  if (!whole_path(path, copy)) return;
  FindingFile& file = *state.file;
  const uint64_t claimed = file.programs.load(std::memory_order_acquire);
  const uint64_t count = claimed < format::kMaxPrograms ? claimed : format::kMaxPrograms;
  for (uint64_t i = 0; i < count; ++i) {
    const format::ProgramRecord& known = file.program[i];
    if (known.ready.load(std::memory_order_acquire) != 0 && same_bytes(known.path, copy, strlen(copy) + 1))
      return;
  }
  format::ProgramRecord* record = format::claim_record(file.programs, file.program);
  if (record == nullptr) return;
  format::copy_text(record->path, copy);
  record->ready.store(1, std::memory_order_release);
}

void write_watched(bool finished) {
  const check::Figures figures = check::figures();
  format::ProcessRecord& process = *state.process;
  process.blocks.store(figures.blocks, std::memory_order_relaxed);
  process.guarded.store(figures.guarded, std::memory_order_relaxed);
  process.quarantined.store(figures.quarantined, std::memory_order_relaxed);
  process.unwatched.store(figures.unwatched, std::memory_order_relaxed);
  process.poison_bytes.store(figures.poison_bytes, std::memory_order_relaxed);
  process.window_bytes.store(figures.window_bytes, std::memory_order_relaxed);
  process.light_guards.store(sys::has_light_guards() ? 1 : 0, std::memory_order_relaxed);
  if (finished) process.finished.store(1, std::memory_order_release);
}

}  // namespace loam::runtime
