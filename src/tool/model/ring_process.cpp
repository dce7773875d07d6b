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

constexpr std::uint64_t kPage = 4096;
// The processor may have read its counter some hundred instructions before what stands in front of it was done.
constexpr std::uint64_t kAheadTicks = 1u << 13;
constexpr std::uint64_t kFarTicks = std::uint64_t{1} << 32;  // a second or so
constexpr std::uint64_t kNever = ~std::uint64_t{0};

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
  made->open_rings();
  return made;
}

RingProcess::~RingProcess() {
  if (file_ != nullptr) munmap(file_, format::kRingFileBytes);
}

void RingProcess::open_rings() {
  char* const base = reinterpret_cast<char*>(file_);
  auto* rings = reinterpret_cast<format::Ring*>(base + format::kRingsAt);
  const auto* words = reinterpret_cast<const std::uint64_t*>(base + format::kWordsAt);
  rings_.reserve(format::kRings);
  for (std::uint32_t i = 0; i < format::kRings; ++i, words += format::kRingWords)
    rings_.emplace_back(rings[i], words);
}

double RingProcess::ns_at(std::uint64_t tick) const {
  return tick <= start_ticks_ ? 0 : static_cast<double>(tick - start_ticks_) * ns_per_tick_;
}

// What another thread did because of an event was told after that event. So of all that was told with ticks before the horizon nothing is
// missing that something there follows from, if the rings are looked into after it; and as long as there is nothing in any ring but the
// first one, when that is looked into before the others, nothing there follows from what others did.
void RingProcess::drain(RecordingWriter& writer, bool last) {
  const std::uint64_t now = sys::ticks();
  if (now > start_ticks_)
    ns_per_tick_ =
        static_cast<double>(sys::monotonic_ns() - start_ns_) / static_cast<double>(now - start_ticks_);
  take_descriptions(writer, last);
  bool others = false;
  for (RingCursor& ring : rings_) {
    if (ring.look() && &ring != &rings_.front()) others = true;
  }
  if (others)
    merge(writer, last ? kNever : now - kAheadTicks);
  else
    drain_alone(writer, now);
  horizon_ = now;
}

// Events of a lone ring that bear the same tick came one after the other between it and the next, and after the last look.
void RingProcess::drain_alone(RecordingWriter& writer, std::uint64_t horizon) {
  RingCursor& ring = rings_.front();
  while (ring.take(writer, horizon + kFarTicks, true)) {
    const std::span<RingCursor::Taken> events = ring.events();
    std::uint64_t next = horizon;
    ring.next_tick(next);
    const std::uint64_t from = std::max(events.front().tick, horizon_);
    const double begin = ns_at(from);
    const double step = (ns_at(std::max(from, next)) - begin) / static_cast<double>(events.size());
    double time = begin;
    for (RingCursor::Taken& taken : events) {
      taken.event.time = static_cast<std::uint64_t>(time);
      time += step;
      writer.add(taken.event);
    }
    ring.pass(events.size());
  }
}

// In order of their ticks, up to the horizon. What is behind it waits for the next time.
void RingProcess::merge(RecordingWriter& writer, std::uint64_t horizon) {
  const std::uint64_t latest = sys::ticks() + kFarTicks;
  struct Head {
    std::uint64_t tick;
    RingCursor* ring;
  };
  std::vector<Head> heads;
  for (RingCursor& ring : rings_) {
    if (ring.take(writer, latest, false)) heads.push_back({ring.front().tick, &ring});
  }
  while (!heads.empty()) {
    std::size_t first = 0;
    std::uint64_t second = horizon;
    for (std::size_t i = 1; i < heads.size(); ++i) {
      const bool earlier = heads[i].tick < heads[first].tick;
      second = std::min(second, heads[earlier ? first : i].tick);
      if (earlier) first = i;
    }
    if (heads[first].tick > horizon) return;
    RingCursor& ring = *heads[first].ring;
    bool more = true;
    while (more && ring.front().tick <= second) {
      RecordedEvent event = ring.front().event;
      event.time = static_cast<std::uint64_t>(ns_at(ring.front().tick));
      writer.add(event);
      ring.pass(1);
      more = ring.take(writer, latest, false);
    }
    if (more)
      heads[first].tick = ring.front().tick;
    else
      heads.erase(heads.begin() + static_cast<std::ptrdiff_t>(first));
  }
}

void RingProcess::discard() {
  for (RingCursor& ring : rings_) ring.discard();
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
