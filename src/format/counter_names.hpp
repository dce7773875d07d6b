// Names, units, groups and meanings of everything in the counter file, in the order of its enumerations. The
// tool prints, writes JSON and documents from these tables; the runtime does not need them.
//
// Invariant: one row per enumerator, in order (checked at compile time). Locking: none, constant.
#pragma once

#include "format/counters.hpp"

namespace loam::format {

enum class Unit : std::uint8_t { kCount, kBytes, kAddress, kNanoseconds };

struct CounterInfo {
  Counter counter;
  const char* name;  // in JSON
  Group group;
  Unit unit;
  const char* sentence;
};

inline constexpr CounterInfo kCounterInfo[] = {
    {Counter::kRequestedBytes, "requested_bytes", Group::kCalls, Unit::kBytes,
     "bytes asked for by all allocations"},
    {Counter::kUsableBytes, "usable_bytes", Group::kCalls, Unit::kBytes, "bytes handed out for them"},
    {Counter::kLiveRequested, "live_requested", Group::kCalls, Unit::kBytes, "bytes asked for and not freed"},
    {Counter::kLiveUsable, "live_usable", Group::kCalls, Unit::kBytes, "bytes handed out and not freed"},
    {Counter::kLiveBlocks, "live_blocks", Group::kCalls, Unit::kCount, "blocks not freed"},
    {Counter::kPeakRequested, "peak_requested", Group::kCalls, Unit::kBytes, "highest live_requested"},
    {Counter::kPeakUsable, "peak_usable", Group::kCalls, Unit::kBytes, "highest live_usable"},
    {Counter::kPeakBlocks, "peak_blocks", Group::kCalls, Unit::kCount, "highest live_blocks"},
    {Counter::kPaddingLive, "padding_live", Group::kCalls, Unit::kBytes,
     "usable minus requested over live blocks"},
    {Counter::kLargeAllocations, "large_allocations", Group::kCalls, Unit::kCount,
     "allocations of runs of slices"},
    {Counter::kLargeFrees, "large_frees", Group::kCalls, Unit::kCount, "frees of runs of slices"},
    {Counter::kHugeAllocations, "huge_allocations", Group::kCalls, Unit::kCount,
     "allocations with an own mapping"},
    {Counter::kHugeFrees, "huge_frees", Group::kCalls, Unit::kCount, "frees of blocks with an own mapping"},
    {Counter::kReallocInPlace, "realloc_in_place", Group::kCalls, Unit::kCount,
     "reallocs that left the block"},
    {Counter::kReallocMoved, "realloc_moved", Group::kCalls, Unit::kCount, "reallocs that copied the block"},
    {Counter::kReallocRemapped, "realloc_remapped", Group::kCalls, Unit::kCount, "reallocs by mremap"},
    {Counter::kRemoteFrees, "remote_frees", Group::kCalls, Unit::kCount,
     "frees by another thread than the owner"},
    {Counter::kForeignFrees, "foreign_frees", Group::kCalls, Unit::kCount,
     "frees passed on to another malloc"},
    {Counter::kForeignReallocs, "foreign_reallocs", Group::kCalls, Unit::kCount,
     "reallocs passed on likewise"},
    {Counter::kFailures, "failures", Group::kCalls, Unit::kCount, "allocations that ended in ENOMEM"},
    {Counter::kKernelAllocations, "kernel_allocations", Group::kCalls, Unit::kCount,
     "allocations that needed the kernel"},
    {Counter::kBreakInitial, "initial", Group::kBreak, Unit::kAddress, "the break at start"},
    {Counter::kBreakCurrent, "current", Group::kBreak, Unit::kAddress, "the break now"},
    {Counter::kBreakHighest, "highest", Group::kBreak, Unit::kAddress, "the highest break"},
    {Counter::kBreakStuckBytes, "stuck_bytes", Group::kBreak, Unit::kBytes,
     "free bytes below the block that pins the top"},
    {Counter::kBreakPin, "pinned_by", Group::kBreak, Unit::kAddress, "the block that pins the top"},
    {Counter::kWalkBlocks, "live_blocks", Group::kWalk, Unit::kCount, "live blocks found by the walk"},
    {Counter::kWalkBytes, "live_bytes", Group::kWalk, Unit::kBytes, "their usable bytes"},
    {Counter::kWalkSpans, "spans", Group::kWalk, Unit::kCount, "spans in use"},
    {Counter::kFreeInSpanBytes, "free_in_span_bytes", Group::kWalk, Unit::kBytes,
     "free blocks in spans in use"},
    {Counter::kDirtyCacheBytes, "dirty_cache_bytes", Group::kWalk, Unit::kBytes, "free spans not yet purged"},
    {Counter::kMetadataBytes, "metadata_bytes", Group::kWalk, Unit::kBytes,
     "span records, thread heaps, tables and the page map"},
    {Counter::kHugeAdvisedBytes, "huge_advised_bytes", Group::kWalk, Unit::kBytes,
     "regions advised as huge pages"},
    {Counter::kMappedBytes, "mapped_bytes", Group::kWalk, Unit::kBytes, "address space in use by the heap"},
    {Counter::kMappings, "mappings", Group::kWalk, Unit::kCount, "mappings of the process"},
    {Counter::kRegions, "regions", Group::kWalk, Unit::kCount, "regions of 2 MiB in use"},
    {Counter::kThreadsSeen, "threads_seen", Group::kWalk, Unit::kCount, "threads that ever allocated"},
    {Counter::kHeaps, "heaps", Group::kWalk, Unit::kCount, "thread heaps made"},
    {Counter::kWalkLargeBlocks, "large_blocks", Group::kWalk, Unit::kCount, "live runs of slices"},
    {Counter::kWalkLargeBytes, "large_bytes", Group::kWalk, Unit::kBytes, "their bytes"},
    {Counter::kWalkHugeBlocks, "huge_blocks", Group::kWalk, Unit::kCount, "live blocks with an own mapping"},
    {Counter::kWalkHugeBytes, "huge_bytes", Group::kWalk, Unit::kBytes, "their bytes"},
    {Counter::kRss, "rss", Group::kResident, Unit::kBytes, "resident set of the process"},
    {Counter::kRssLive, "live", Group::kResident, Unit::kBytes, "resident pages of live blocks"},
    {Counter::kRssFreeInSpan, "free_in_span", Group::kResident, Unit::kBytes,
     "resident free blocks in spans"},
    {Counter::kRssCache, "dirty_cache", Group::kResident, Unit::kBytes, "resident free spans"},
    {Counter::kRssMetadata, "metadata", Group::kResident, Unit::kBytes, "resident metadata"},
    {Counter::kRssForeign, "foreign", Group::kResident, Unit::kBytes, "resident pages that are not malloc's"},
    {Counter::kRssHuge, "huge_pages", Group::kResident, Unit::kBytes,
     "of the heap's pages those that are huge"},
    {Counter::kRssStranded, "stranded", Group::kResident, Unit::kBytes,
     "of free_in_span: on pages that a live block keeps"},
    {Counter::kUserNs, "user_ns", Group::kUsage, Unit::kNanoseconds, "CPU time in the program"},
    {Counter::kSystemNs, "system_ns", Group::kUsage, Unit::kNanoseconds, "CPU time in the kernel"},
    {Counter::kMinorFaults, "minor_faults", Group::kUsage, Unit::kCount, "page faults without input"},
    {Counter::kMajorFaults, "major_faults", Group::kUsage, Unit::kCount, "page faults that waited for input"},
    {Counter::kPeakRss, "peak_rss", Group::kUsage, Unit::kBytes, "highest resident set"},
};

inline constexpr const char* kSymbolNames[] = {
    "malloc",         "calloc",         "realloc", "reallocarray",       "free", "free_sized",  "memalign",
    "aligned_alloc",  "posix_memalign", "valloc",  "malloc_usable_size", "new",  "new_aligned", "delete",
    "delete_aligned", "other",
};

// Do calls of the symbol hand out, or take back, a block? For "calls served".
inline constexpr bool kSymbolAllocates[] = {
    true, true, true, true, false, false, true, true, true, true, false, true, true, false, false, false,
};

inline constexpr const char* kLevelNames[] = {"stack", "span", "region", "kernel", "emergency"};

inline constexpr const char* kKernelCallNames[] = {
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "brk_up",
    "brk_down",
    "brk_query",
    "madvise_hugepage",
    "madvise_nohugepage",
    "madvise_dontneed",
    "madvise_free",
    "madvise_collapse",
    "madvise_populate",
    "madvise_guard",
    "madvise_other",
    "open",
    "file_growth",
    "fallocate",
    "futex",
    "membarrier",
    "other",
};

inline constexpr const char* kGroupNames[] = {"calls", "kernel", "break", "walk", "resident", "usage"};

constexpr bool counter_info_is_in_order() {
  for (std::size_t i = 0; i < sizeof kCounterInfo / sizeof kCounterInfo[0]; ++i) {
    if (index_of(kCounterInfo[i].counter) != i) return false;
  }
  return true;
}
static_assert(sizeof kCounterInfo / sizeof kCounterInfo[0] == kCountOf<Counter> &&
              counter_info_is_in_order());
static_assert(sizeof kSymbolNames / sizeof kSymbolNames[0] == kCountOf<Symbol>);
static_assert(sizeof kSymbolAllocates / sizeof kSymbolAllocates[0] == kCountOf<Symbol>);
static_assert(sizeof kLevelNames / sizeof kLevelNames[0] == kCountOf<Level>);
static_assert(sizeof kKernelCallNames / sizeof kKernelCallNames[0] == kCountOf<KernelCall>);
static_assert(sizeof kGroupNames / sizeof kGroupNames[0] == kCountOf<Group>);

}  // namespace loam::format
