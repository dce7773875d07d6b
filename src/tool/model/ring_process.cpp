#include "tool/model/ring_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::tool {
namespace {

// A thread that was interrupted between the tick and the event is waited for so long.
constexpr std::uint64_t kHoldNs = 20'000'000;
constexpr std::uint64_t kPage = 4096;

}  // namespace

std::unique_ptr<RingProcess> RingProcess::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat info{};
  void* mapped = MAP_FAILED;
  if (fstat(descriptor, &info) == 0 && static_cast<std::uint64_t>(info.st_size) == format::kRingFileBytes)
    mapped = mmap(nullptr, format::kRingFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (mapped == MAP_FAILED) return nullptr;
  std::unique_ptr<RingProcess> made(new RingProcess);
  made->file_ = static_cast<format::RingFile*>(mapped);
  const auto* magic = &made->file_->magic;
  if (__atomic_load_n(magic, __ATOMIC_ACQUIRE) != format::kRingMagic ||
      made->file_->version != format::kRingVersion)
    return nullptr;
  unlink(path.c_str());
  made->pid_ = made->file_->pid;
  made->forked_from_ = made->file_->forked_from;
  made->start_ticks_ = made->file_->start_ticks;
  made->start_ns_ = made->file_->start_monotonic_ns;
  made->seen_.resize(format::kRings);
  return made;
}

RingProcess::~RingProcess() {
  if (file_ != nullptr) munmap(file_, format::kRingFileBytes);
}

format::Ring& RingProcess::ring(std::uint32_t index) const {
  return reinterpret_cast<format::Ring*>(reinterpret_cast<char*>(file_) + format::kRingsAt)[index];
}

const std::uint64_t* RingProcess::words(std::uint32_t index) const {
  return reinterpret_cast<const std::uint64_t*>(reinterpret_cast<const char*>(file_) + format::kWordsAt) +
         std::uint64_t{index} * format::kRingWords;
}

double RingProcess::ns_per_tick() const {
  const std::uint64_t ticks = sys::ticks() - start_ticks_;
  return ticks == 0 ? 0 : static_cast<double>(sys::monotonic_ns() - start_ns_) / static_cast<double>(ticks);
}

bool RingProcess::take(std::uint32_t index) {
  RingSeen& seen = seen_[index];
  const std::uint64_t written = ring(index).written.load(std::memory_order_acquire);
  std::uint64_t count = written - seen.read;
  if (count == 0) return false;
  if (count > format::kRingWords) {  // nonsense: go on from there
    seen.read = written;
    ring(index).read.store(written, std::memory_order_release);
    return false;
  }
  const std::uint64_t* from = words(index);
  format::Event event{};
  for (; count > 0; --count, ++seen.read) {
    if (!seen.words.take(from[seen.read % format::kRingWords], event)) continue;
    Taken& taken = pending_.emplace_back();
    taken.tick = seen.words.tick();
    taken.event.address = event.address;
    taken.event.size = event.is_free ? 0 : event.size;
    taken.event.thread = seen.words.thread();
    taken.event.stack = event.stack;
    taken.event.is_free = event.is_free;
    taken.event.is_resize = event.is_resize;
    taken.event.alignment_log = event.is_free ? 4 : event.alignment_log;
  }
  ring(index).read.store(seen.read, std::memory_order_release);
  return true;
}

// Events of a lone ring that bear the same time came one after the other between it and the next, and after the last look.
void RingProcess::spread(std::uint64_t horizon) {
  for (std::size_t i = 0; i < pending_.size();) {
    const std::uint64_t tick = pending_[i].tick;
    std::size_t end = i + 1;
    while (end < pending_.size() && pending_[end].tick == tick) ++end;
    const std::uint64_t from = std::max(tick, horizon_);
    const std::uint64_t to = std::max(from, end < pending_.size() ? pending_[end].tick : horizon);
    const std::uint64_t count = end - i;
    for (std::uint64_t n = 0; n < count; ++n, ++i) pending_[i].tick = from + (to - from) * n / count;
  }
}

void RingProcess::drain(RecordingWriter& writer, bool last) {
  const double rate = ns_per_tick();
  const std::uint64_t horizon = sys::ticks();
  take_descriptions(writer, last);
  unsigned used = 0;
  for (std::uint32_t i = 0; i < format::kRings; ++i) {
    take(i);
    used += seen_[i].read != 0 ? 1u : 0u;
  }
  const auto earlier = [](const Taken& a, const Taken& b) { return a.tick < b.tick; };
  if (used > 1)
    std::stable_sort(pending_.begin(), pending_.end(), earlier);
  else
    spread(horizon);
  horizon_ = horizon;
  const std::uint64_t held =
      used > 1 && !last && rate > 0 ? static_cast<std::uint64_t>(static_cast<double>(kHoldNs) / rate) : 0;
  std::size_t done = 0;
  for (; done < pending_.size(); ++done) {
    Taken& taken = pending_[done];
    if (held != 0 && taken.tick + held > horizon) break;
    taken.event.time =
        taken.tick <= start_ticks_
            ? 0
            : static_cast<std::uint64_t>(static_cast<double>(taken.tick - start_ticks_) * rate);
    writer.add(taken.event);
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
}

void RingProcess::discard() {
  for (std::uint32_t i = 0; i < format::kRings; ++i)
    ring(i).read.store(ring(i).written.load(std::memory_order_acquire), std::memory_order_release);
}

// A record that a process began and did not end is passed by when it has gone.
void RingProcess::take_descriptions(RecordingWriter& writer, bool last) {
  const std::uint64_t end =
      std::min(file_->described.load(std::memory_order_acquire), format::kDescriptionBytes);
  const char* area = reinterpret_cast<const char*>(file_) + format::kDescriptionsAt;
  while (described_ + sizeof(format::RecordHead) <= end) {
    format::RecordHead head{};
    std::memcpy(&head.bytes, area + described_ + offsetof(format::RecordHead, bytes), sizeof head.bytes);
    head.kind = format::RecordKind{
        __atomic_load_n(reinterpret_cast<const std::uint32_t*>(area + described_), __ATOMIC_ACQUIRE)};
    const bool whole = head.kind != format::RecordKind{};
    const std::uint64_t bytes = sizeof head + head.bytes;
    if ((!whole && !last) || head.bytes == 0 || head.bytes % 8 != 0 || described_ + bytes > end) return;
    if (whole) writer.describe(area + described_, bytes);
    described_ += bytes;
  }
}

void RingProcess::sample(RecordingWriter& writer) {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid_));
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  if (!(statm >> pages >> resident)) return;
  writer.sample({(sys::monotonic_ns() - start_ns_) / 1000, resident * kPage, file_->mapped_bytes.load(),
                 file_->kernel_calls.load()});
}

bool RingProcess::is_alive() const { return kill(static_cast<pid_t>(pid_), 0) == 0 || errno == EPERM; }

}  // namespace loam::tool
