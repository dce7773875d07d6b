// The events of one process under `loam record`, on their way to the tool: a file that the process makes, in a folder that the tool has made,
// and that both map. Each thread writes into a ring of its own; what stacks and modules are is told once, in an area behind the rings.
//
//   RingFile            one page
//   Ring[kRings]        where each ring's writer and reader stand
//   words[kRings][kRingWords]
//   descriptions        records as in stacks.hpp, one behind the other, kDescriptionBytes
//
// An event is a word of 64 bits that holds its kind, the block's address and the bytes asked for; words in front of it tell what does not
// fit, and what has changed since the event before: thread, time, stack. (A line of a ring is the other processor's when it is written
// again, and that is what an event costs; 8 to 16 bytes an event instead of 32 are a third of the lines.)
//
// Invariants: `written` is a ring's number of words ever, and counts those of an event only when all are there; `read` likewise for what
// the tool has taken; never more than kRingWords apart. Times are told once in kStampWords words while one ring alone is in use, and
// with each event from the moment that a second one is: of events of several threads they tell the order. That of a block's freeing is taken
// before the block is anybody else's, that of an allocation when the block is the thread's; an event without a time of its own is not
// earlier than the time before it, and nothing that another thread did comes before it (that thread has said, before its first event, that
// times are to be told). A description's `kind` is written last; its id is told before the first event that names it.
// The tool's heartbeat is monotonic nanoseconds. When it has not changed for kReaderPatienceNs of waiting at a full ring, the recording is cut: the
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
inline constexpr std::uint32_t kRingVersion = 2;
inline constexpr std::uint32_t kRings = 64;  // threads at once; more share the last one
inline constexpr std::uint32_t kRingWords = 1u << 16;
inline constexpr std::uint32_t kMostEventWords = 8;  // of one event
inline constexpr std::uint32_t kStampWords = 64;     // from one time to the next, and what one event takes
inline constexpr std::uint64_t kDescriptionBytes = std::uint64_t{128} << 20;
inline constexpr std::uint64_t kReaderPatienceNs = 1'000'000'000;

// The file is "ring." and the process id, and a number for each program that the process executes: "ring.4711.0".
inline constexpr char kRingPrefix[] = "ring.";

// The low four bits of a word.
enum class WordKind : std::uint8_t {
  kAllocate = 1,
  kFree = 2,
  kAllocateOfResize = 3,  // the second half of a realloc()
  kFreeOfResize = 4,      // the first
  // A number in the other 60 bits, about the event that follows:
  kAddress = 5,    // if that of the word itself is 0
  kSize = 6,       // likewise for a size of kSizeFollows
  kAlignment = 7,  // asked for, as a power of two
  // and about all that follow:
  kThread = 8,
  kTick = 9,
  kStack = 10,  // of allocations
};
inline constexpr unsigned kWordKindBits = 4;
inline constexpr unsigned kWordSizeShift = 48;
inline constexpr std::uint64_t kSizeFollows = 0xffff;
inline constexpr std::uint64_t kWordAddress =
    0x0000'ffff'ffff'fff0U;  // the bits of an address that have room

constexpr std::uint64_t word_of(WordKind kind, std::uint64_t number) {
  return number << kWordKindBits | static_cast<std::uint64_t>(kind);
}

// One event, as it is told to the recorder and as it comes out of the ring.
struct Event {
  std::uint64_t address;
  std::uint64_t size;   // bytes asked for; 0 of a free
  std::uint32_t stack;  // 0: not known; of an allocation
  bool is_free;
  bool is_resize;              // half of a realloc()
  std::uint8_t alignment_log;  // asked for; 4 where none was
};

// Words of a ring, one after the other, into events.
class RingWords {
 public:
  static bool is_tick(std::uint64_t word) { return static_cast<WordKind>(word & 0xf) == WordKind::kTick; }
  // True: the word ends an event, which is in `out`.
  bool take(std::uint64_t word, Event& out) {
    const auto kind = static_cast<WordKind>(word & 0xf);
    const std::uint64_t number = word >> kWordKindBits;
    switch (kind) {
      case WordKind::kAddress:
        address_ = number;
        return false;
      case WordKind::kSize:
        size_ = number;
        return false;
      case WordKind::kAlignment:
        alignment_log_ = number < 64 ? static_cast<std::uint8_t>(number) : 4;
        return false;
      case WordKind::kThread:
        thread_ = static_cast<std::uint32_t>(number);
        return false;
      case WordKind::kTick:
        tick_ = number;
        return false;
      case WordKind::kStack:
        stack_ = static_cast<std::uint32_t>(number);
        return false;
      case WordKind::kAllocate:
      case WordKind::kFree:
      case WordKind::kAllocateOfResize:
      case WordKind::kFreeOfResize:
        break;
      default:
        return false;  // memory that the program has overwritten
    }
    out.is_free = kind == WordKind::kFree || kind == WordKind::kFreeOfResize;
    out.is_resize = kind == WordKind::kAllocateOfResize || kind == WordKind::kFreeOfResize;
    out.address = (word & kWordAddress) != 0 ? word & kWordAddress : address_;
    out.size = word >> kWordSizeShift;
    if (out.size == kSizeFollows) out.size = size_;
    out.stack = out.is_free ? 0 : stack_;
    out.alignment_log = alignment_log_;
    alignment_log_ = 4;
    return true;
  }
  std::uint32_t thread() const { return thread_; }
  std::uint64_t tick() const { return tick_; }  // not later than the last event

 private:
  std::uint64_t address_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t tick_ = 0;
  std::uint32_t thread_ = 0;
  std::uint32_t stack_ = 0;
  std::uint8_t alignment_log_ = 4;
};

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
inline constexpr std::uint64_t kWordsAt =
    kRingsAt + (kRings * sizeof(Ring) + kRingPage - 1) / kRingPage * kRingPage;
inline constexpr std::uint64_t kDescriptionsAt =
    kWordsAt + std::uint64_t{kRings} * kRingWords * sizeof(std::uint64_t);
inline constexpr std::uint64_t kRingFileBytes = kDescriptionsAt + kDescriptionBytes;
static_assert(sizeof(RingFile) <= kRingPage && sizeof(Ring) == 128);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace loam::format
