// The counter file: what the runtime counts and what the tool reports, as bytes in a mapping that both share.
//
// The tool makes the file (a header, then slots at kHeaderBytes + i * kSlotBytes) and names it in
// LOAM_OPTIONS. Each process claims a slot by one atomic increment and maps only that slot. Since the
// counters live in the file, `_exit`, exec and SIGKILL lose nothing that was counted; the figures of the heap
// walk (Group::kWalk and below) are written when the process ends normally, or whenever the runtime chooses.
//
// Invariant: the layout is the same for both sides or kCounterVersion differs; everything is 64-bit words, zero in a
// fresh file. A value is valid only if its group is marked known: an unknown figure is absent, never 0.
// Locking: none. Every word is a relaxed atomic; claiming is one fetch_add; the state word is released by its
// writer and acquired by its reader. Nothing here calls the system or needs a C++ library.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loam::format {

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);

inline constexpr std::uint64_t kCounterMagic = 0x31'72'74'63'6d'61'6f'6cULL;  // "loamctr1" in memory
inline constexpr std::uint64_t kCounterVersion = 3;

// A group of figures becomes known as a whole. `known` is a set of these bits.
enum class Group : std::uint8_t {
  kCalls,     // every call seen: calls, sizes, padding, peaks, hits; needs statistics mode
  kKernel,    // calls into the kernel by kind
  kBreak,     // the program break
  kWalk,      // the heap walk: blocks, spans, free memory, by size class
  kResident,  // resident memory by part
  kUsage,     // getrusage of the process, written at its end
  kCount,
};

// Which function the program called. operator new covers its plain, array, nothrow and aligned forms by two
// kinds, since the question asked of them is only how much of the program is C++.
enum class Symbol : std::uint8_t {
  kMalloc,
  kCalloc,
  kRealloc,
  kReallocarray,
  kFree,
  kFreeSized,
  kMemalign,
  kAlignedAlloc,
  kPosixMemalign,
  kValloc,
  kUsableSize,
  kNew,
  kNewAligned,
  kDelete,
  kDeleteAligned,
  kOther,
  kCount,
};

// What had to be asked to serve an allocation; the deeper, the dearer.
enum class Level : std::uint8_t {
  kStack,   // the class's stack had a block
  kSpan,    // it was filled from a span that the heap had
  kRegion,  // a span new to the heap, or slices
  kKernel,  // the kernel was called
  kEmergency,  // a small block without a stack: a signal handler that interrupted the heap, a thread that has ended
  kCount,
};

enum class KernelCall : std::uint8_t {
  kMmap,
  kMunmap,
  kMremap,
  kMprotect,
  kBreakUp,
  kBreakDown,
  kBreakQuery,
  kAdviseHuge,
  kAdviseNoHuge,
  kAdviseDontneed,
  kAdviseFree,
  kAdviseCollapse,
  kAdvisePopulate,
  kAdviseGuard,
  kAdviseOther,
  kOpen,
  kFtruncate,
  kFallocate,
  kFutex,
  kMembarrier,
  kOther,
  kCount,
};

// Single figures. Table and groups: counter_names.hpp, in this order.
enum class Counter : std::uint8_t {
  // Group::kCalls
  kRequestedBytes,  // sum over all allocations
  kUsableBytes,     // the same, as handed out
  kLiveRequested,
  kLiveUsable,
  kLiveBlocks,
  kPeakRequested,
  kPeakUsable,
  kPeakBlocks,
  kPaddingLive,  // sum of (usable - requested) over live blocks
  kLargeAllocations,
  kLargeFrees,  // runs of slices
  kHugeAllocations,
  kHugeFrees,  // own mappings
  kReallocInPlace,
  kReallocMoved,
  kReallocRemapped,
  kRemoteFrees,  // freed by another thread than the owner
  kForeignFrees,
  kForeignReallocs,    // passed on to the next malloc
  kFailures,           // ended in ENOMEM
  kKernelAllocations,  // allocations during which the kernel was called
  // Group::kBreak
  kBreakInitial,
  kBreakCurrent,
  kBreakHighest,     // addresses
  kBreakStuckBytes,  // free, yet below the pinning block
  kBreakPin,         // address of the block that pins the top, 0 if none
  // Group::kWalk
  kWalkBlocks,
  kWalkBytes,
  kWalkSpans,
  kFreeInSpanBytes,
  kDirtyCacheBytes,
  kMetadataBytes,
  kHugeAdvisedBytes,
  kMappedBytes,
  kMappings,
  kRegions,
  kThreadsSeen,
  kHeaps,
  kWalkLargeBlocks,
  kWalkLargeBytes,
  kWalkHugeBlocks,
  kWalkHugeBytes,
  // Group::kResident, bytes of RSS
  kRss,
  kRssLive,
  kRssFreeInSpan,
  kRssCache,
  kRssMetadata,
  kRssForeign,
  kRssHuge,
  kRssStranded,  // of kRssFreeInSpan: on pages that also hold a part of a live block
  // Group::kUsage
  kUserNs,
  kSystemNs,
  kMinorFaults,
  kMajorFaults,
  kPeakRss,
  kCount,
};

template <class Enum>
inline constexpr std::size_t kCountOf = static_cast<std::size_t>(Enum::kCount);

template <class Enum>
constexpr std::size_t index_of(Enum value) {
  return static_cast<std::size_t>(value);
}

inline constexpr std::size_t kMaxClasses = 128;
inline constexpr std::size_t kNameBytes = 256;

enum class State : std::uint64_t {
  kFree = 0,  // not claimed
  kClaimed,   // being filled in; a process that dies here leaves no figures
  kRunning,
  kExited,  // the end of the process was seen by the runtime: final figures are in
};

// How the process came to be.
enum class Birth : std::uint64_t { kUnknown = 0, kStarted, kForked };

struct KernelCounts {
  Word calls[kCountOf<KernelCall>];
  Word failures[kCountOf<KernelCall>];
  Word nanoseconds[kCountOf<KernelCall>];
  Word bytes[kCountOf<KernelCall>];
};

// By size class. Allocations and frees belong to Group::kCalls, resident bytes to Group::kResident, the rest to
// Group::kWalk.
struct ClassCounts {
  Word allocations[kMaxClasses];
  Word frees[kMaxClasses];
  Word live_blocks[kMaxClasses];
  Word free_blocks[kMaxClasses];
  Word spans[kMaxClasses];
  Word resident_free[kMaxClasses];  // kRssFreeInSpan
  Word stranded[kMaxClasses];       // kRssStranded
};

struct CounterSlot {
  Word state;  // State
  Word known;  // bit set of Group
  Word pid;
  Word parent_pid;
  Word start_ticks;  // field 22 of /proc/PID/stat: with the pid it names the process for good; 0 unknown
  Word begin_ns;     // CLOCK_MONOTONIC when the slot was claimed
  Word end_ns;       // the same when it ended, 0 before
  Word birth;        // Birth
  Word source;       // options::Source
  Word timed;        // 1 if kernel nanoseconds are measured
  char executable[kNameBytes];  // path, cut at the front if too long; written before state becomes kRunning
  Word values[kCountOf<Counter>];
  Word symbols[kCountOf<Symbol>];
  Word levels[kCountOf<Level>];
  KernelCounts kernel;
  ClassCounts classes;

  void add(Counter counter, std::uint64_t amount) {
    values[index_of(counter)].fetch_add(amount, std::memory_order_relaxed);
  }
  void subtract(Counter counter, std::uint64_t amount) {
    values[index_of(counter)].fetch_sub(amount, std::memory_order_relaxed);
  }
  void set(Counter counter, std::uint64_t value) {
    values[index_of(counter)].store(value, std::memory_order_relaxed);
  }
  std::uint64_t get(Counter counter) const {
    return values[index_of(counter)].load(std::memory_order_relaxed);
  }
  void raise(Counter counter, std::uint64_t value) {
    Word& word = values[index_of(counter)];
    std::uint64_t seen = word.load(std::memory_order_relaxed);
    while (seen < value && !word.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }
  void count_symbol(Symbol symbol) { symbols[index_of(symbol)].fetch_add(1, std::memory_order_relaxed); }
  void count_level(Level level) { levels[index_of(level)].fetch_add(1, std::memory_order_relaxed); }
  void count_kernel(KernelCall call, std::uint64_t nanoseconds, std::uint64_t bytes, bool failed) {
    const std::size_t i = index_of(call);
    kernel.calls[i].fetch_add(1, std::memory_order_relaxed);
    kernel.nanoseconds[i].fetch_add(nanoseconds, std::memory_order_relaxed);
    kernel.bytes[i].fetch_add(bytes, std::memory_order_relaxed);
    if (failed) kernel.failures[i].fetch_add(1, std::memory_order_relaxed);
  }

  // Figures of a group are filled in first and then made known: release, so that a reader never sees the mark
  // alone.
  void make_known(Group group) {
    known.fetch_or(std::uint64_t{1} << index_of(group), std::memory_order_release);
  }
  bool is_known(Group group) const {
    return ((known.load(std::memory_order_acquire) >> index_of(group)) & 1U) != 0;
  }
  void set_state(State next) { state.store(static_cast<std::uint64_t>(next), std::memory_order_release); }
  State get_state() const { return static_cast<State>(state.load(std::memory_order_acquire)); }

  // Keeps the end of a path that is too long: the file name is what people look for.
  void set_executable(const char* path) {
    std::size_t size = 0;
    while (path[size] != '\0') ++size;
    const char* from = size < kNameBytes ? path : path + (size - kNameBytes + 1);
    std::size_t i = 0;
    for (; from[i] != '\0'; ++i) executable[i] = from[i];
    executable[i] = '\0';
  }
};

// Slots begin on borders of 4 and 16 KiB pages, so that a process can map its own alone.
inline constexpr std::size_t kSlotBytes = 16384;
inline constexpr std::size_t kHeaderBytes = 16384;
inline constexpr std::uint64_t kSlotCapacity =
    8192;  // the file is sparse: a slot costs memory once it is claimed
inline constexpr std::uint64_t kNoSlot = ~std::uint64_t{0};
static_assert(sizeof(CounterSlot) <= kSlotBytes);

struct CounterHeader {
  Word magic;
  Word version;
  Word header_bytes;
  Word slot_bytes;
  Word capacity;
  Word claimed;      // may exceed capacity: the excess are processes without a record
  Word root_pid;     // the process which the tool started
  Word follow;       // 0: only root_pid may claim
  Word class_count;  // released after class_bytes; all runtimes of one file write the same table
  Word class_bytes[kMaxClasses];

  bool fits() const {
    return magic.load(std::memory_order_acquire) == kCounterMagic &&
           version.load(std::memory_order_relaxed) == kCounterVersion &&
           header_bytes.load(std::memory_order_relaxed) == kHeaderBytes &&
           slot_bytes.load(std::memory_order_relaxed) == kSlotBytes;
  }

  template <class Size>
  void set_classes(const Size* bytes, std::size_t count) {
    const std::size_t kept = count < kMaxClasses ? count : kMaxClasses;
    for (std::size_t i = 0; i < kept; ++i) class_bytes[i].store(bytes[i], std::memory_order_relaxed);
    class_count.store(kept, std::memory_order_release);
  }
};
static_assert(sizeof(CounterHeader) <= kHeaderBytes);

constexpr std::uint64_t slot_offset(std::uint64_t slot) { return kHeaderBytes + slot * kSlotBytes; }
constexpr std::uint64_t file_bytes(std::uint64_t capacity) { return kHeaderBytes + capacity * kSlotBytes; }

// The writer's side.
// - Start: map kHeaderBytes of the file; slot = claim(*header, getpid()); kNoSlot: run without counting. Map kSlotBytes
//   at slot_offset(slot); begin(...); keep the header for the children.
// - fork(): live = live_figures(*slot) in the child; claim again and map the new slot over the old address (MAP_FIXED), so
//   that no pointer to the slot changes; inherit(*slot, live), since the child may free what its parent allocated. Without
//   a slot map private anonymous memory there: the child's counts must not run into the parent's record.
// - exec: nothing; the new program starts anew and the tool sees that the old record ended there.

inline std::uint64_t claim(CounterHeader& header, std::uint64_t pid) {
  if (!header.fits()) return kNoSlot;
  if (header.follow.load(std::memory_order_relaxed) == 0 &&
      header.root_pid.load(std::memory_order_relaxed) != pid) {
    return kNoSlot;
  }
  const std::uint64_t slot = header.claimed.fetch_add(1, std::memory_order_relaxed);
  return slot < header.capacity.load(std::memory_order_relaxed) ? slot : kNoSlot;
}

struct Identity {
  std::uint64_t pid;
  std::uint64_t parent_pid;
  std::uint64_t start_ticks;
  std::uint64_t now_ns;
  Birth birth;
  std::uint64_t source;
  bool timed;
  const char* executable;
};

inline void begin(CounterSlot& slot, const Identity& who) {
  slot.set_state(State::kClaimed);
  slot.pid.store(who.pid, std::memory_order_relaxed);
  slot.parent_pid.store(who.parent_pid, std::memory_order_relaxed);
  slot.start_ticks.store(who.start_ticks, std::memory_order_relaxed);
  slot.begin_ns.store(who.now_ns, std::memory_order_relaxed);
  slot.birth.store(static_cast<std::uint64_t>(who.birth), std::memory_order_relaxed);
  slot.source.store(who.source, std::memory_order_relaxed);
  slot.timed.store(who.timed ? 1 : 0, std::memory_order_relaxed);
  slot.set_executable(who.executable);
  slot.set_state(State::kRunning);
}

// What lives in a process at the moment of a fork and so lives in the child as well.
struct LiveFigures {
  std::uint64_t blocks;
  std::uint64_t requested;
  std::uint64_t usable;
  std::uint64_t padding;
};

inline LiveFigures live_figures(const CounterSlot& slot) {
  return {slot.get(Counter::kLiveBlocks), slot.get(Counter::kLiveRequested), slot.get(Counter::kLiveUsable),
          slot.get(Counter::kPaddingLive)};
}

inline void inherit(CounterSlot& slot, const LiveFigures& live) {
  slot.set(Counter::kLiveBlocks, live.blocks);
  slot.set(Counter::kLiveRequested, live.requested);
  slot.set(Counter::kLiveUsable, live.usable);
  slot.set(Counter::kPaddingLive, live.padding);
  slot.raise(Counter::kPeakBlocks, live.blocks);
  slot.raise(Counter::kPeakRequested, live.requested);
  slot.raise(Counter::kPeakUsable, live.usable);
}

inline void end(CounterSlot& slot, std::uint64_t now_ns) {
  slot.end_ns.store(now_ns, std::memory_order_relaxed);
  slot.set_state(State::kExited);
}

}  // namespace loam::format
