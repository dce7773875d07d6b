// The events of one process under `loam record`, on their way to the tool: a file that the process makes, in a folder that the tool has made,
// and that both map. Each thread writes into a ring of its own; what stacks and modules are is told once, in an area behind the rings.
//
//   RingFile            one page
//   Ring[kRings]        where each ring's writer and reader stand
//   Event[kRings][kRingEvents]
//   descriptions        records as in stacks.hpp, one behind the other, kDescriptionBytes
//
// Invariants: `written` is a ring's number of events ever, and counts an event only when it is whole; `read` likewise for what the tool has
// taken; never more than kRingEvents apart. Of events of several threads the ticks tell the order: that of a block's freeing is taken before
// the block is anybody else's, that of an allocation when the block is the thread's. A description's `kind` is written last; its id is told
// before the first event that names it.
// The tool's heartbeat is monotonic nanoseconds. When it is older than kReaderPatienceNs and a ring is full, the recording is cut: the
// process says so in `state`, counts what is not recorded in `dropped`, and goes on.
// Locking: none; a ring has one writer and one reader. What the file holds is memory that a program gone wild can overwrite: the reader
// takes nothing in it for granted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "format/stacks.hpp"

namespace loam::format {

inline constexpr std::uint64_t kRingMagic = 0x31'67'6e'69'72'6d'61'6cU;  // "lamring1" in memory
inline constexpr std::uint32_t kRingVersion = 1;
inline constexpr std::uint32_t kRings = 64;  // threads at once; more share the last one
inline constexpr std::uint32_t kRingEvents = 1u << 15;
inline constexpr std::uint64_t kDescriptionBytes = std::uint64_t{128} << 20;
inline constexpr std::uint64_t kReaderPatienceNs = 1'000'000'000;

// The file is "ring." and the process id, and a number for each program that the process executes: "ring.4711.0".
inline constexpr char kRingPrefix[] = "ring.";

enum class EventKind : std::uint8_t {
  kThread = 1,    // the ring's events are those of the thread `address` from here on
  kAllocate = 2,  // also the second half of a realloc(): then `kPartOfResize` is set
  kFree = 3,      // also the first half of one
};
inline constexpr std::uint8_t kPartOfResize = 1;

struct Event {
  std::uint64_t tick;
  std::uint64_t address;
  std::uint64_t size;   // bytes asked for; 0 of a free
  std::uint32_t stack;  // 0: not known
  EventKind kind;
  std::uint8_t flags;
  std::uint8_t alignment_log;  // asked for; 4 where none was
  std::uint8_t reserved;
};
static_assert(sizeof(Event) == 32);

enum class RingState : std::uint32_t { kRecording = 0, kCut = 1, kEnded = 2 };

struct RingFile {
  std::uint64_t magic;  // written last
  std::uint32_t version;
  std::uint32_t pid;
  std::uint32_t forked_from;  // 0: not by a fork without exec
  std::uint32_t serial;       // of the process's programs
  std::uint64_t start_ticks;  // these three at the same moment
  std::uint64_t start_monotonic_ns;
  std::uint64_t start_realtime_ns;
  std::uint64_t with_stacks;  // 1: events name stacks

  alignas(64) std::atomic<std::uint64_t> reader_beat_ns;  // 0: nobody has looked yet
  alignas(64) std::atomic<RingState> state;
  std::atomic<std::uint64_t> cut_ticks;              // when the recording was cut
  std::atomic<std::uint64_t> dropped;                // events since
  std::atomic<std::uint64_t> kernel_calls;           // memory calls to the kernel so far; now and then
  std::atomic<std::uint64_t> mapped_bytes;           // by the heap; now and then
  alignas(64) std::atomic<std::uint64_t> described;  // bytes reserved in the area of descriptions
};

struct alignas(64) Ring {
  std::atomic<std::uint64_t> written;
  std::atomic<std::uint32_t> thread;  // its id; 0: nobody's
  alignas(64) std::atomic<std::uint64_t> read;
};

inline constexpr std::uint64_t kRingPage = 4096;
inline constexpr std::uint64_t kRingsAt = kRingPage;
inline constexpr std::uint64_t kEventsAt =
    kRingsAt + (kRings * sizeof(Ring) + kRingPage - 1) / kRingPage * kRingPage;
inline constexpr std::uint64_t kDescriptionsAt =
    kEventsAt + std::uint64_t{kRings} * kRingEvents * sizeof(Event);
inline constexpr std::uint64_t kRingFileBytes = kDescriptionsAt + kDescriptionBytes;
static_assert(sizeof(RingFile) <= kRingPage && sizeof(Ring) == 128);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace loam::format
