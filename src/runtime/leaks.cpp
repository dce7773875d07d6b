#include "runtime/leaks.hpp"

#include <atomic>

#include "format/control.hpp"
#include "format/leaks.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "meta/arena.hpp"
#include "runtime/checking.hpp"
#include "runtime/heap_view.hpp"
#include "runtime/leak_answer.hpp"
#include "runtime/leak_chain.hpp"
#include "runtime/leak_stacks.hpp"
#include "runtime/notes.hpp"
#include "runtime/sites.hpp"
#include "scan/huge_repair.hpp"
#include "scan/leaks.hpp"
#include "scan/residency.hpp"
#include "scan/snapshot.hpp"
#include "sys/kernel.hpp"
#include "sys/memory_room.hpp"
#include "sys/process_copy.hpp"
#include "sys/resident.hpp"

namespace loam::runtime {

namespace {

using format::Answer;
using format::LeakRecord;

constinit uint64_t first_block = 0;
// The process that is searching; another one's number is that of a parent, which does not search here.
constinit std::atomic<uint32_t> searching{0};

// What a look may spend on making huge pages before it stops anybody: 280 MB or more where the kernel has them at hand.
constexpr uint64_t kJoinBudgetNs = 600'000'000;

bool enter_search() {
  const uint32_t mine = sys::process_id();
  uint32_t seen = searching.load(std::memory_order_relaxed);
  return seen != mine && searching.compare_exchange_strong(seen, mine, std::memory_order_acquire);
}

constexpr unsigned kHeapLocks = 5;
constexpr unsigned kLocks = check::kLocks + kHeapLocks;

// In rank order.
sys::Lock& lock_at(unsigned index) {
  if (index < check::kLocks) return check::lock_at(index);
  switch (index - check::kLocks) {
    case 0:
      return sites_lock();
    case 1:
      return heap::registry_lock();
    case 2:
      return heap::regions.lock();
    case 3:
      return heap::outside_lock();
    default:
      return meta::arena.lock();
  }
}

bool try_locks() {
  for (unsigned i = 0; i < kLocks; ++i) {
    if (lock_at(i).try_lock()) continue;
    while (i-- > 0) lock_at(i).unlock();
    return false;
  }
  return true;
}

void unlock_all() {
  for (unsigned i = kLocks; i-- > 0;) lock_at(i).unlock();
}

void reset_all() {
  for (unsigned i = 0; i < kLocks; ++i) lock_at(i).reset();
}

void refuse(const LeakSearch& search, const sys::MemoryRoom& room, uint64_t wanted, long error) {
  const format::LeakRefusal why{room.limit, room.used, room.available, wanted,
                                static_cast<uint64_t>(error < 0 ? -error : 0)};
  if (reply(search, Answer::kRefused, 0, sizeof why)) search.send(search.to, &why, sizeof why);
}

// What the copy may come to take: page tables for what is resident, its own tables, and a copy of every page that the program
// writes while it lives. A quarter of all is much for the fraction of a second that this is.
uint64_t wanted_bytes() {
  const uint64_t resident = sys::resident_bytes();
  return resident / 4 + resident / 64 + (uint64_t{8} << 20);
}

// Everything that the copy works with.
struct Analysis {
  scan::Scratch scratch;
  scan::HeapView heap;
  scan::BlockMap map;
  scan::Readable readable;
  scan::Residency residency;
  LeakStacks stacks;
  uint64_t map_ns = 0;
};

void count_threads(const scan::Stop& stop, format::LeakHeader& header) {
  for (unsigned i = 0; i < stop.count(); ++i) {
    const scan::StoppedThread& thread = stop.thread(i);
    header.threads_answered += thread.fate == scan::Fate::kAnswered ? 1u : 0u;
    header.threads_waiting += thread.fate == scan::Fate::kWaiting ? 1u : 0u;
    header.threads_silent += thread.fate == scan::Fate::kSilent ? 1u : 0u;
    header.threads_interrupted += thread.fate == scan::Fate::kAnswered && thread.interrupted ? 1u : 0u;
  }
}

void fill_header(const Analysis& analysis, const scan::Leaks& leaks, const scan::Roots& roots,
                 const scan::Snapshot& snapshot, const scan::Stop& stop, format::LeakHeader& header) {
  const scan::RootFigures& figures = roots.figures();
  header.version = format::kLeaksVersion;
  header.attempts = snapshot.attempts();
  header.classes = heap::kClasses + 1;
  header.leaks = leaks.count() < format::kMostLeakRecords ? leaks.count() : format::kMostLeakRecords;
  header.left_out = leaks.count() - header.leaks;
  header.live_blocks = analysis.map.live_blocks();
  for (unsigned i = 0; i < header.classes; ++i) {
    header.reachable_blocks += leaks.reachable(i).blocks;
    header.reachable_bytes += leaks.reachable(i).bytes;
  }
  header.live_bytes = header.reachable_bytes;
  header.pause_ns = snapshot.pause_ns();
  header.copy_ns = snapshot.copy_ns();
  header.map_ns = analysis.map_ns;
  header.mark_ns = leaks.mark_ns();
  header.copy_cpu_ns = snapshot.copy_cpu_ns();
  header.mark_cpu_ns = leaks.mark_cpu_ns();
  header.sort_ns = leaks.sort_ns();
  header.words_read = leaks.words_read();
  header.root_stack_bytes = figures.stack_bytes;
  header.root_data_bytes = figures.data_bytes;
  header.root_registers = figures.registers;
  header.unknown_registers = figures.unknown_registers;
  header.ended_stacks = figures.ended_stacks;
  header.devices_left_out = figures.devices;
  count_threads(stop, header);
  header.threads = header.threads_silent;
}

format::LeakKind kind_of(scan::LeakKind kind) { return static_cast<format::LeakKind>(kind); }

LeakRecord record_of(Analysis& analysis, const scan::Leak& leak) {
  const scan::BlockMap::Block block = analysis.map.at(leak.number);
  LeakRecord record{};
  record.address = analysis.map.address(*block.span, block.index);
  record.bytes = analysis.map.bytes(*block.span, block.index);
  record.resident = analysis.residency.bytes(record.address, record.address + record.bytes);
  record.span = analysis.map.view(*block.span).start;
  record.kind = kind_of(leak.kind);
  record.stack = analysis.map.stack_id(*block.span, block.index);
  record.owner = leak.owner;
  record.parent = leak.parent;
  const uint64_t words = record.bytes / sizeof(uint64_t);
  const uint64_t end = record.address + (words < format::kLeakWords ? words : format::kLeakWords) * 8;
  struct Target {
    LeakRecord* record;
  } target{&record};
  const auto copy = [](uint64_t start, uint64_t stop, void* argument) {
    LeakRecord& to = *static_cast<Target*>(argument)->record;
    __builtin_memcpy(&to.words[(start - to.address) / 8], reinterpret_cast<const void*>(start), stop - start);
  };
  analysis.readable.visit(record.address, end, false, copy, &target);
  return record;
}

uint64_t leaked_bytes(const Analysis& analysis, const scan::Leaks& leaks) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < leaks.count(); ++i) {
    const scan::BlockMap::Block block = analysis.map.at(leaks.at(i).number);
    bytes += analysis.map.bytes(*block.span, block.index);
  }
  return bytes;
}

bool write_answer(const LeakSearch& search, Analysis& analysis, const scan::Leaks& leaks,
                  const scan::Roots& roots, const scan::Snapshot& snapshot, const scan::Stop& stop) {
  format::LeakHeader header{};
  fill_header(analysis, leaks, roots, snapshot, stop, header);
  header.live_bytes += leaked_bytes(analysis, leaks);
  header.sites = analysis.stacks.count();
  header.notes = note_count();
  header.every_block = mode() == Mode::kStacks || mode() == Mode::kCheck ? 1 : 0;
  analysis.stacks.write([&](const void*, size_t bytes) {
    header.stack_bytes += bytes;
    return true;
  });
  const uint64_t bytes = sizeof header + header.classes * sizeof(format::LeakClass) +
                         header.threads * sizeof(format::LeakThread) +
                         header.sites * sizeof(format::LeakSite) + header.leaks * sizeof(LeakRecord) +
                         header.notes * sizeof(format::LeakNote) + header.stack_bytes +
                         sizeof(format::LeakTrailer);
  if (!reply(search, Answer::kOk, header.pause_ns, bytes)) return false;
  LeakWriter writer(search, analysis.scratch);
  writer.write(header);
  for (unsigned i = 0; i < header.classes; ++i) {
    const uint64_t size = i < heap::kClasses ? heap::kSizeClasses[i].size : 0;
    writer.write(format::LeakClass{size, leaks.reachable(i).blocks, leaks.reachable(i).bytes});
  }
  for (unsigned i = 0; i < stop.count(); ++i) {
    if (stop.thread(i).fate != scan::Fate::kSilent) continue;
    format::LeakThread thread{stop.thread(i).name.id, {}};
    __builtin_memcpy(thread.name, stop.thread(i).called, sizeof thread.name);
    writer.write(thread);
  }
  analysis.stacks.for_each([&](const LeakStacks::Site& site) {
    writer.write(format::LeakSite{site.stack, site.blocks, site.bytes});
  });
  for (uint32_t i = 0; i < header.leaks; ++i) writer.write(record_of(analysis, leaks.at(i)));
  for (const Note* note = newest_note(); note != nullptr; note = note->older) writer.write(note->what);
  analysis.stacks.write([&](const void* data, size_t size) {
    writer.write_bytes(data, size);
    return true;
  });
  return writer.flush();
}

// In the copy. Returns whether everything was answered.
bool analyse(const LeakSearch& search, scan::Stop& stop, const scan::Scratch& stop_memory,
             const scan::Snapshot& snapshot) {
  if (search.ending_thread != 0) stop.end_thread(search.ending_thread, search.ending_stack);
  Analysis analysis;
  analysis.heap = mode() == Mode::kCheck ? view_of_checked_heap() : view_of_heap(site_of);
  scan::Roots roots;
  for (unsigned i = 0; i < search.own_count; ++i) roots.leave_out(search.own[i].start, search.own[i].end);
  for (unsigned i = 0; i < stop_memory.pieces(); ++i)
    roots.leave_out(stop_memory.piece(i).start, stop_memory.piece(i).end);
  if (search.ending_stack < search.ending_frames) roots.weaken(search.ending_stack, search.ending_frames);
  // Before the tables are made, which would be mappings too.
  if (!roots.prepare(analysis.scratch, analysis.heap, stop, first_block)) return false;
  if (!roots.find_unreadable(analysis.scratch, analysis.readable)) return false;
  for (unsigned i = 0; i < analysis.scratch.pieces(); ++i)
    roots.leave_out(analysis.scratch.piece(i).start, analysis.scratch.piece(i).end);
  const uint64_t begin = sys::monotonic_ns();
  if (!analysis.map.build(analysis.heap, analysis.scratch)) return false;
  analysis.map_ns = sys::monotonic_ns() - begin;
  if (search.wants_chain) {
    scan::Chain chain(analysis.map, analysis.readable);
    if (!chain.prepare(analysis.scratch)) return false;
    roots.mark(chain);
    chain.follow();
    return snapshot.counts() &&
           write_chain(search, analysis.map, chain, analysis.scratch, snapshot.pause_ns());
  }
  scan::Leaks leaks(analysis.map, analysis.readable);
  if (!leaks.find(roots, analysis.scratch) || !snapshot.counts()) return false;
  const bool remembered = mode() == Mode::kStacks || mode() == Mode::kCheck || remembered_sites() > 0;
  if (remembered && !analysis.stacks.gather(analysis.map, leaks, analysis.scratch)) return false;
  analysis.residency.read(analysis.heap, analysis.scratch);
  return write_answer(search, analysis, leaks, roots, snapshot, stop);
}

void search_alone(LeakSearch& search, const sys::MemoryRoom& room, uint64_t wanted) {
  scan::Scratch scratch;
  scan::Stop stop;
  scan::Snapshot snapshot;
  scan::HugeRepair repair;
  if (!stop.prepare(scratch) || !snapshot.prepare()) {
    reply(search, Answer::kNoMemory, 0, 0);
    return;
  }
  for (unsigned i = 0; i < search.own_count; ++i) stop.spare(search.spared[i]);
  // When the process ends, a call that returns early does no harm, and all registers can be seen; nor does it matter then how
  // long threads stand still.
  if (search.ending_thread == 0) {
    repair.join(view_of_heap(), kJoinBudgetNs);
    stop.watch(format::kControlSignal);
  }
  repair.remember(view_of_heap(), scratch);
  const uint64_t begin = sys::monotonic_ns();
  const scan::SnapshotHooks hooks{try_locks, unlock_all, reset_all};
  switch (snapshot.take(stop, format::kControlSignal, hooks)) {
    case scan::Snapshot::Side::kCopy:
      sys::leave_copy(analyse(search, stop, scratch, snapshot) ? 0 : 1);
    case scan::Snapshot::Side::kFailed:
      refuse(search, room, wanted, snapshot.error());
      return;
    case scan::Snapshot::Side::kOriginal:
      break;
  }
  if (!snapshot.wait()) return;
  format::LeakTrailer trailer{sys::monotonic_ns() - begin, repair.joined_bytes(), repair.before_bytes(), 0,
                              0};
  repair.repair();
  trailer.huge_broken = repair.broken_bytes();
  trailer.huge_restored = repair.restored_bytes();
  search.send(search.to, &trailer, sizeof trailer);
}

}  // namespace

void prepare_leaks() { first_block = sys::thread_pointer(); }

void search_leaks(LeakSearch& search) {
  if (!enter_search()) {
    reply(search, Answer::kBusy, 0, 0);
    return;
  }
  const sys::MemoryRoom room = sys::memory_room();
  const uint64_t wanted = wanted_bytes();
  if (room.room() < wanted)
    refuse(search, room, wanted, 0);
  else
    search_alone(search, room, wanted);
  searching.store(0, std::memory_order_release);
}

}  // namespace loam::runtime
