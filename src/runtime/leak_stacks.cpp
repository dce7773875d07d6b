#include "runtime/leak_stacks.hpp"

#include <bit>

#include "format/control.hpp"
#include "format/leaks.hpp"
#include "format/stacks.hpp"
#include "stack/modules.hpp"
#include "stack/stack.hpp"
#include "sys/kernel.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

using Write = bool(void* to, const void* from, size_t bytes);

constexpr uint32_t kMostFrames = 256;
constexpr size_t kRecords = 512;  // read at once

struct Sink {
  Write* write;
  void* to;
  bool operator()(const void* from, size_t bytes) const { return bytes == 0 || write(to, from, bytes); }
};

// Reads whole structures, or nothing.
bool read_at(long file, uint64_t offset, void* to, size_t bytes) {
  return sys::raw_call(SYS_pread64, file, reinterpret_cast<long>(to), static_cast<long>(bytes),
                       static_cast<long>(offset)) == static_cast<long>(bytes);
}

void write_modules(const Sink& sink) {
  for (uint32_t id = 1; id <= stack::module_count(); ++id) {
    const stack::Module* module = stack::module_of(static_cast<uint16_t>(id));
    if (module == nullptr) continue;
    format::ModuleRecord record{};
    record.id = id;
    record.start = module->start;
    record.end = module->end;
    record.bias = module->bias;
    record.build_id_bytes = module->build_id_size;
    __builtin_memcpy(record.build_id, module->build_id, module->build_id_size);
    format::put_module(sink, record, module->path);
  }
}

void write_stack(const Sink& sink, uint32_t id) {
  stack::Frame frames[kMostFrames];
  const stack::Resolved resolved = stack::resolve(id, frames, kMostFrames);
  format::StackRecord record{};
  record.id = id;
  record.ending = static_cast<format::StackEnding>(resolved.ending);
  record.frame_count = resolved.count;
  record.depth = resolved.depth;
  uint64_t words[kMostFrames];
  for (uint32_t i = 0; i < resolved.count; ++i) words[i] = frames[i].word();
  format::put_stack(sink, record, words);
}

// The ids written so far: a table of open addressing, at most half full.
class Known {
 public:
  explicit Known(uint64_t most)
      : size_(std::bit_ceil(2 * most + 2)),
        ids_(static_cast<uint32_t*>(sys::map(size_ * sizeof(uint32_t)))) {}
  ~Known() {
    if (ids_ != nullptr) sys::unmap(ids_, size_ * sizeof(uint32_t));
  }
  Known(const Known&) = delete;
  Known& operator=(const Known&) = delete;

  // Returns whether it is new.
  bool add(uint32_t id) {
    if (ids_ == nullptr) return false;
    uint64_t at = id * uint64_t{0x9e3779b97f4a7c15u} >> 32;
    while (ids_[at & (size_ - 1)] != 0) {
      if (ids_[at++ & (size_ - 1)] == id) return false;
    }
    ids_[at & (size_ - 1)] = id;
    return true;
  }

 private:
  uint64_t size_;
  uint32_t* ids_;
};

}  // namespace

void write_leak_stacks(long answer, Write* write, void* to) {
  format::Reply reply{};
  format::LeakHeader header{};
  if (!read_at(answer, 0, &reply, sizeof reply) || reply.answer != format::Answer::kOk) return;
  if (!read_at(answer, sizeof reply, &header, sizeof header)) return;
  uint64_t at = sizeof reply + sizeof header + header.classes * sizeof(format::LeakClass) +
                header.threads * sizeof(format::LeakThread);
  const Sink sink{write, to};
  write_modules(sink);
  Known known(header.leaks);
  static constinit format::LeakRecord records[kRecords] = {};  // used by the one thread that ends the process
  for (uint64_t left = header.leaks; left > 0;) {
    const uint64_t count = left < kRecords ? left : kRecords;
    if (!read_at(answer, at, records, count * sizeof *records)) return;
    for (uint64_t i = 0; i < count; ++i) {
      const uint32_t id = records[i].stack;
      if (id != 0 && id != format::kInherited && known.add(id)) write_stack(sink, id);
    }
    at += count * sizeof *records;
    left -= count;
  }
}

}  // namespace loam::runtime
