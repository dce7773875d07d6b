#include "record/told.hpp"

#include <errno.h>

#include <cstring>

#include "record/describe.hpp"
#include "sys/kernel.hpp"
#include "sys/syscall.hpp"

namespace loam::record {

namespace {

constinit ToldSet told_modules;

// The memory of the area is had in such pieces, before it is written to: see recorder.hpp.
constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
constinit std::atomic<uint64_t> had{0};

bool have_up_to(format::RingFile& file, uint64_t end) {
  uint64_t until = had.load(std::memory_order_acquire);
  while (until < end) {
    if (!has_memory(file, format::kDescriptionsAt + until, kPieceBytes)) return false;
    if (had.compare_exchange_strong(until, until + kPieceBytes, std::memory_order_acq_rel))
      until += kPieceBytes;
  }
  return true;
}

// Room for a record; null if there is none. Its head says how long it is, so that a reader can pass it by.
char* reserve(format::RingFile& file, uint64_t bytes) {
  const uint64_t at = file.described.fetch_add(bytes + sizeof(format::RecordHead), std::memory_order_relaxed);
  const uint64_t end = at + bytes + sizeof(format::RecordHead);
  if (end > format::kDescriptionBytes || !have_up_to(file, end)) return nullptr;
  char* head = reinterpret_cast<char*>(&file) + format::kDescriptionsAt + at;
  const auto length = static_cast<uint32_t>(bytes);
  memcpy(head + offsetof(format::RecordHead, bytes), &length, sizeof length);
  return head;
}

void commit(char* head, format::RecordKind kind) {
  __atomic_store_n(reinterpret_cast<uint32_t*>(head), static_cast<uint32_t>(kind), __ATOMIC_RELEASE);
}

void tell_module(format::RingFile& file, uint32_t id) {
  format::ModuleRecord module{};
  const char* path = nullptr;
  if (id == 0 || !told_modules.insert(id) || !describe_module(id, &module, &path)) return;
  const size_t length = path == nullptr ? 0 : strlen(path);
  module.path_bytes = static_cast<uint32_t>(length);
  char* head = reserve(file, sizeof module + format::padded(length));
  if (head == nullptr) return;
  memcpy(head + sizeof(format::RecordHead), &module, sizeof module);
  if (length != 0) memcpy(head + sizeof(format::RecordHead) + sizeof module, path, length);
  commit(head, format::RecordKind::kModule);
}

}  // namespace

constinit ToldSet told_stacks;

bool has_memory(format::RingFile& file, uint64_t offset, uint64_t bytes) {
  constexpr long kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
  const long done = sys::raw_call(SYS_madvise, reinterpret_cast<long>(&file) + static_cast<long>(offset),
                                  static_cast<long>(bytes), kPopulateWrite);
  return !sys::failed(done) || done == -EINVAL;
}

bool ToldSet::insert(uint32_t id) {
  std::atomic<std::atomic<uint64_t>*>& place = pieces_[id >> kPieceBits];
  std::atomic<uint64_t>* piece = place.load(std::memory_order_acquire);
  if (piece == nullptr) {
    constexpr size_t kBytes = kPieceWords * sizeof(uint64_t);
    auto* fresh = static_cast<std::atomic<uint64_t>*>(sys::map(kBytes));
    if (fresh == nullptr) return true;
    if (place.compare_exchange_strong(piece, fresh, std::memory_order_acq_rel))
      piece = fresh;
    else
      sys::unmap(fresh, kBytes);
  }
  const uint64_t bit = uint64_t{1} << (id % 64);
  return (piece[word_of(id)].fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

void ToldSet::clear() {
  for (auto& place : pieces_) {
    if (std::atomic<uint64_t>* piece = place.exchange(nullptr))
      sys::unmap(piece, kPieceWords * sizeof(uint64_t));
  }
}

void forget_told() {
  told_stacks.clear();
  told_modules.clear();
  had.store(0);
}

void tell(format::RingFile& file, uint32_t stack) {
  if (!told_stacks.insert(stack)) return;
  DescribedStack described;
  describe_stack(stack, &described);
  for (uint32_t i = 0; i < described.record.frame_count; ++i)
    tell_module(file, format::frame_module(described.frames[i]));
  const uint64_t frames = uint64_t{described.record.frame_count} * sizeof(uint64_t);
  char* head = reserve(file, sizeof described.record + frames);
  if (head == nullptr) return;
  memcpy(head + sizeof(format::RecordHead), &described.record, sizeof described.record);
  memcpy(head + sizeof(format::RecordHead) + sizeof described.record, described.frames, frames);
  commit(head, format::RecordKind::kStack);
}

}  // namespace loam::record
