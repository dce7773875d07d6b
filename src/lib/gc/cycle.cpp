#include "lib/gc/cycle.hpp"

#include "lib/gc/ahead.hpp"
#include "lib/gc/assist.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/futex.hpp"
#include "lib/gc/generations.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/helper.hpp"
#include "lib/gc/roots.hpp"
#include "lib/gc/stop.hpp"
#include "lib/gc/sweep.hpp"
#include "lib/gc/toggles.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Cycle cycle;

namespace {

constexpr uint32_t kOpenStep = 256;  // blocks
constexpr uint32_t kSweepStep = 32;
// So much on written pages is read in well under a millisecond, with the world stopped.
constexpr uint64_t kFewBytes = uint64_t{512} << 10;
constexpr unsigned kMostRounds = 12;
constexpr uint64_t kRoundPart = 8;
// Where nothing is marked yet, old objects on written pages are all there is to read.
constexpr uint64_t kOpeningPart = 16;
// At the least, before anybody has to wait.
constexpr uint64_t kSlack = uint64_t{512} << 10;
constexpr uint64_t kNapNs = 50'000;
// Few and long rather than many and short: each may end milliseconds late, where the processor is a virtual one.
constexpr uint64_t kPayNapNs = 250'000;
constexpr uint64_t kMostPaidNs = 300'000;
// So long the second thread waits for the last stop before it looks again what was written meanwhile; twice as long each time, for a program
// that has come to rest is to stay at rest.
constexpr uint64_t kLeastWaitNs = 2'000'000;
constexpr uint64_t kMostWaitNs = 60'000'000'000;
// A page of old objects takes as long to read as so many bytes' worth of objects to mark.
constexpr uint64_t kReadPerObject = 64;
// Before a collection of young objects has told how many survive: all, and small.
constexpr uint64_t kSmallObject = 64;
// The program pays, and waits where it touches what is just being joined.
constexpr uint64_t kMostJoinNs = 20'000'000;
// Of objects that take longer, as those of a list do, fewer are worth it.
constexpr uint64_t kUsualNs = 25;
constexpr uint64_t kHelpFrom = uint64_t{8} << 20;

uint64_t allocated() { return sys::peek(heap.figures.allocated_bytes); }

bool work_of_cycle() { return ahead.work() || cycle.work(); }

// How many a collection now would mark.
uint64_t expected_objects(bool young) {
  const Figures& figures = heap.figures;
  const uint64_t since = allocated_since_collection();
  if (!young) return figures.live_objects + since / kSmallObject;
  if (figures.young_allocated == 0) return since / kSmallObject;
  const double part = static_cast<double>(since) / static_cast<double>(figures.young_allocated);
  return static_cast<uint64_t>(part * static_cast<double>(figures.young_marked)) +
         figures.young_read / kReadPerObject;
}

}  // namespace

void Cycle::set_phase(Phase phase) {
  phase_.store(static_cast<uint32_t>(phase), std::memory_order_release);
  wake(phase_);
}

bool Cycle::change_phase(Phase from, Phase to) {
  auto expected = static_cast<uint32_t>(from);
  if (!phase_.compare_exchange_strong(expected, static_cast<uint32_t>(to), std::memory_order_acq_rel))
    return false;
  wake(phase_);
  return true;
}

bool Cycle::worth_it() const {
  const Settings& settings = heap.settings;
  if (!settings.concurrent || settings.every != 0 || settings.find_leaks) return false;
  const uint64_t each = heap.figures.object_ns;
  const uint64_t expected = expected_objects(generations.wanted());
  return (each > kUsualNs ? expected * each / kUsualNs : expected) >= settings.concurrent_from;
}

bool Cycle::begin() {
  if (!worth_it() || !generations.able() || !start_helper(work_of_cycle) || !marker.prepare()) return false;
  ahead.begin();
  tell_observer(true);
  young_ = generations.wanted();
  blocks_ = space.block_count();
  const uint64_t expected = expected_objects(young_);
  expected_objects_ = expected + expected / 4 + 1000;
  allocated_at_begin_ = heap.figures.allocated_bytes;
  allocated_before_ = allocated_since_collection();
  budget_ = growth_to_collection() / 8;
  allowed_.store(allocated_at_begin_ + kSlack, std::memory_order_relaxed);
  began_ns_ = sys::monotonic_ns();
  set_phase(Phase::kOpening);
  wake_helper();
  return true;
}

void Cycle::advance() {
  if (is_forbidden()) return;
  // What the caller keeps in registers is written into this frame.
  __builtin_unwind_init();
  switch (phase()) {
    case Phase::kOpened:
      first_stop();
      break;
    case Phase::kReady:
      last_stop();
      break;
    case Phase::kFailed:
      collect(Reason::kGrowth);
      break;
    case Phase::kSweeping:
      if (sweep.step(kSweepStep)) end();
      break;
    default:
      break;
  }
  asm volatile("");  // or the calls above might become jumps, and the frame be gone
}

// The caller's frame holds all registers, and lies above this one's.
__attribute__((noinline)) void Cycle::first_stop() {
  roots.look_at_modules();
  const uint64_t begin = sys::monotonic_ns();
  stop_world();
  mark_roots(marker, reinterpret_cast<uint64_t>(__builtin_frame_address(0)));
  marker.settle_all();
  resume_world();
  count_pause(sys::monotonic_ns() - begin);
  set_phase(Phase::kMarking);
  wake_helper();
}

__attribute__((noinline)) void Cycle::last_stop() {
  if (!change_phase(Phase::kReady, Phase::kStopping)) return;
  roots.look_at_modules();
  const uint64_t begin = sys::monotonic_ns();
  stop_world();
  buffered_ = close_buffers();
  const uint64_t bytes = generations.read_written(marker, false, nullptr);
  if (bytes == UINT64_MAX) {
    resume_world();
    set_phase(Phase::kFailed);
    return collect(Reason::kGrowth);
  }
  mark_roots(marker, reinterpret_cast<uint64_t>(__builtin_frame_address(0)));
  toggles.mark(marker);
  read_outsiders(marker);
  marker.settle_all();
  const uint64_t by_helper = drain_with_help(marker, bytes >= kHelpFrom);
  settle_unreached(marker);
  sweep.begin(young_);
  begin_counting();
  heap.figures.marked_objects = marker.objects() + by_helper;
  heap.figures.mark_ns = sys::monotonic_ns() - began_ns_;
  resume_world();
  count_pause(sys::monotonic_ns() - begin);
  set_phase(Phase::kSweeping);
  wake_helper();
}

void Cycle::end() {
  count_swept(young_, allocated_before_, buffered_);
  ++heap.figures.concurrent_collections;
  generations.go_on_watching(young_, sweep.swept().dead_young_bytes, allocated_before_);
  set_phase(Phase::kNone);
  tell_observer(false);
}

void Cycle::finish_sweep() {
  if (phase() != Phase::kSweeping) return;
  sweep.finish();
  end();
}

void Cycle::break_off() {
  finish_sweep();
  if (phase() == Phase::kNone) return;
  hold_.store(kGiveUp, std::memory_order_release);
  // If it is ready, it may be about to look once more what was written.
  while (!change_phase(Phase::kReady, Phase::kFailed)) {
    const Phase now = phase();
    if (now == Phase::kOpened || now == Phase::kFailed) break;
    sys::yield();
  }
  hold_.store(kGoOn, std::memory_order_release);
  close_all();
  generations.stop_watching();
  set_phase(Phase::kNone);
  tell_observer(false);
}

bool Cycle::ahead_of_marking() const {
  return beside() && hold_.load() == kGoOn && allocated() > allowed_.load(std::memory_order_relaxed);
}

// By the clock: a nap takes longer than asked for.
bool Cycle::has_paid(uint64_t until_ns) {
  return !cycle.ahead_of_marking() || sys::monotonic_ns() >= until_ns;
}

void Cycle::pay() {
  if (!ahead_of_marking()) return;
  const uint64_t until_ns = sys::monotonic_ns() + kMostPaidNs;
  while (!has_paid(until_ns)) {
    const uint32_t now = phase_.load(std::memory_order_relaxed);
    if (assist.help(until_ns, has_paid))
      clear_dead_stack();
    else
      wait(phase_, now, kPayNapNs);
  }
}

void Cycle::hold() {
  hold_.store(kStand);
  while (beside() && held_.load(std::memory_order_acquire) == 0) sys::yield();
  assist.wait_until_left();
}

void Cycle::let_go() {
  hold_.store(kGoOn, std::memory_order_release);
  wake(hold_);
  while (held_.load(std::memory_order_acquire) != 0) sys::yield();
}

void Cycle::after_fork() {
  ahead.after_fork();
  hold_.store(kGoOn, std::memory_order_relaxed);
  held_.store(0, std::memory_order_relaxed);
  if (!marking()) return;
  close_all();
  phase_.store(static_cast<uint32_t>(Phase::kNone), std::memory_order_relaxed);
}

bool Cycle::may_go_on() {
  ahead.work();
  if (hold_.load(std::memory_order_acquire) == kStand) {
    held_.store(1, std::memory_order_release);
    while (hold_.load(std::memory_order_acquire) == kStand) wait(hold_, kStand, kMostWaitNs);
    held_.store(0, std::memory_order_release);
  }
  return hold_.load(std::memory_order_acquire) != kGiveUp;
}

bool Cycle::go_on(uint64_t objects) {
  const uint64_t most = cycle.expected_objects_;
  const double done = objects >= most ? 1.0 : static_cast<double>(objects) / static_cast<double>(most);
  const auto earned = static_cast<uint64_t>(done * static_cast<double>(cycle.budget_));
  cycle.allowed_.store(cycle.allocated_at_begin_ + kSlack + earned, std::memory_order_relaxed);
  return cycle.may_go_on();
}

bool Cycle::round_goes_on(uint64_t) { return cycle.may_go_on(); }

bool Cycle::round_progress(uint64_t bytes) {
  cycle.allowed_.fetch_add(bytes / (cycle.phase() == Phase::kOpening ? kOpeningPart : kRoundPart),
                           std::memory_order_relaxed);
  return cycle.may_go_on();
}

// Returns how many bytes of pages had been written to, UINT64_MAX if it must give up.
uint64_t Cycle::round() {
  allowed_.store(allocated(), std::memory_order_relaxed);
  const uint64_t bytes = generations.read_written(marker, true, round_progress);
  if (bytes == UINT64_MAX || !marker.drain_while(round_goes_on)) return UINT64_MAX;
  return bytes;
}

bool Cycle::open() {
  for (uint32_t first = 0; first < blocks_; first += kOpenStep) {
    open_blocks(first, first + kOpenStep < blocks_ ? first + kOpenStep : blocks_, young_);
    if (!may_go_on()) return false;
  }
  // What is joined is read with what was written, and watched again.
  if (!young_ && may_go_on()) generations.join_quiet(kMostJoinNs, [] { cycle.may_go_on(); });
  return generations.read_written(marker, true, round_progress) != UINT64_MAX;
}

bool Cycle::mark() {
  mark_kept(marker);
  marker.settle_all();
  if (!assist.drain(marker, go_on)) return false;
  for (unsigned i = 0; i < kMostRounds; ++i) {
    const uint64_t bytes = round();
    if (bytes == UINT64_MAX) return false;
    if (bytes <= kFewBytes) break;
  }
  return true;
}

// What the program writes without allocating is looked at now and then, so that the stop stays short. Returns false to give up.
bool Cycle::wait_for_last_stop() {
  const auto ready = static_cast<uint32_t>(Phase::kReady);
  for (uint64_t patience = kLeastWaitNs;; patience = patience < kMostWaitNs ? 2 * patience : patience) {
    set_phase(Phase::kReady);
    wait(phase_, ready, patience);
    if (!change_phase(Phase::kReady, Phase::kMarking)) return true;
    marker.set_beside(true);
    const uint64_t bytes = round();
    marker.set_beside(false);
    if (bytes == UINT64_MAX) return false;
  }
}

bool Cycle::sweep_some() {
  if (!heap.lock.try_lock()) return true;
  const bool more = phase() == Phase::kSweeping && !sweep.step(kSweepStep);
  const bool wanted = heap.lock.is_wanted();
  heap.lock.unlock();
  // Or who waits for the lock would get it only when all is swept: this thread is back before the other is awake.
  if (wanted) wait(phase_, static_cast<uint32_t>(Phase::kSweeping), kNapNs);
  return more;
}

bool Cycle::work() {
  const Phase now = phase();
  if (now == Phase::kSweeping) {
    if (!sweep_some()) return false;
    sys::yield();
    return true;
  }
  if (now != Phase::kOpening && now != Phase::kMarking) return false;
  marker.set_beside(true);
  const bool done = now == Phase::kOpening ? open() : mark();
  marker.set_beside(false);
  if (!done || (now == Phase::kMarking && !wait_for_last_stop()))
    set_phase(Phase::kFailed);
  else if (now == Phase::kOpening)
    set_phase(Phase::kOpened);
  return true;
}

}  // namespace loam::collector
