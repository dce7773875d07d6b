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

const format::Event* RingProcess::events(std::uint32_t index) const {
  return reinterpret_cast<const format::Event*>(reinterpret_cast<const char*>(file_) + format::kEventsAt) +
         std::uint64_t{index} * format::kRingEvents;
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
  if (count > format::kRingEvents) {  // nonsense: go on from there
    seen.read = written;
    ring(index).read.store(written, std::memory_order_release);
    return false;
  }
  for (; count > 0; --count, ++seen.read) {
    const format::Event from = events(index)[seen.read % format::kRingEvents];
    if (from.kind == format::EventKind::kThread) seen.thread = static_cast<std::uint32_t>(from.address);
    if (from.kind != format::EventKind::kAllocate && from.kind != format::EventKind::kFree) continue;
    RecordedEvent event;
    event.address = from.address;
    event.size = from.size;
    event.thread = seen.thread;
    event.stack = from.stack;
    event.is_free = from.kind == format::EventKind::kFree;
    event.is_resize = (from.flags & format::kPartOfResize) != 0;
    event.alignment_log = event.is_free || from.alignment_log > 63 ? 4 : from.alignment_log;
    pending_.push_back({from.tick, event});
  }
  ring(index).read.store(seen.read, std::memory_order_release);
  return true;
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
  rings_used_ = used;
  const auto earlier = [](const Taken& a, const Taken& b) { return a.tick < b.tick; };
  if (used > 1) std::stable_sort(pending_.begin(), pending_.end(), earlier);
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
