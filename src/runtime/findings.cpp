// Writing what was found into the file that the tool shares. Addresses are turned into places in files here, while the
// modules are still where they were; all else is the tool's work.
#include "format/findings.hpp"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "runtime/callers.hpp"
#include "runtime/checking.hpp"
#include "sys/kernel.hpp"
#include "sys/proc.hpp"
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

uint32_t module_index(const char* path) {
  FindingFile& file = *state.file;
  const uint64_t claimed = file.modules.load(std::memory_order_acquire);
  const uint64_t count = claimed < format::kMaxModules ? claimed : format::kMaxModules;
  for (uint32_t i = 0; i < count; ++i) {
    const char* known = file.module[i].path;
    size_t at = 0;
    while (known[at] != '\0' && known[at] == path[at]) ++at;
    if (file.module[i].ready.load(std::memory_order_acquire) != 0 && known[at] == path[at]) return i;
  }
  format::ModuleRecord* record = format::claim_record(file.modules, file.module);
  if (record == nullptr) return format::kNoModule;
  format::copy_text(record->path, path);
  record->ready.store(1, std::memory_order_release);
  return static_cast<uint32_t>(record - file.module);
}

void fill_frame(format::FrameRecord& frame, uint64_t address) {
  frame.address = address;
  frame.module = format::kNoModule;
  char path[format::kPathBytes];
  uint64_t offset = 0;
  if (!sys::find_file(reinterpret_cast<const void*>(address), &offset, path, sizeof path)) return;
  frame.file_offset = offset;
  frame.module = module_index(path);
}

void fill_stack(format::StackRecord& stack, uint32_t thread, check::StackId id, uint64_t instruction) {
  uint64_t addresses[format::kMaxFrames];
  unsigned count = 0;
  // The instruction that faulted is no return address: one more, so that the tool can take one off all.
  if (instruction != 0) addresses[count++] = instruction + 1;
  count += resolve_stack(id, addresses + count, format::kMaxFrames - count);
  stack.thread = thread;
  stack.frames = count;
  for (unsigned i = 0; i < count; ++i) fill_frame(stack.frame[i], addresses[i]);
}

uint64_t key_of(const check::Finding& finding) {
  uint64_t key = static_cast<uint64_t>(finding.kind) * 31 + static_cast<uint64_t>(finding.evidence);
  for (const uint64_t part : {uint64_t{finding.here}, uint64_t{finding.allocated_at},
                              uint64_t{finding.freed_at}, finding.instruction})
    key = (key ^ part) * 0x100000001b3u;
  return key;
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
  fill_stack(record->stacks[0], finding.thread, finding.here, finding.instruction);
  fill_stack(record->stacks[1], finding.allocated_by, finding.allocated_at, 0);
  fill_stack(record->stacks[2], finding.freed_by, finding.freed_at, 0);
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
