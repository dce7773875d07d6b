// Reference counts beside std::shared_ptr and boost::intrusive_ptr: a reference copied and dropped, on the thread that made the object and
// on another one, alone and with two threads at the same object.
#include <loam/rc.hpp>
#include <loam/rc_cell.hpp>
#include <loam/rc_cycles.hpp>

#include <algorithm>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>

#include "library/managers.hpp"

namespace loam::bench {
namespace {

struct value {
  std::uint64_t word = 0;
};
struct counted_value : boost::intrusive_ref_counter<counted_value> {
  std::uint64_t word = 0;
};

// std::shared_ptr counts without atomics until the process has had a second thread.
void end_of_innocence() {
  static const bool done = [] {
    std::thread([] {}).join();
    return true;
  }();
  benchmark::DoNotOptimize(done);
}

template <class Reference>
void copy_and_drop(benchmark::State& state, const Reference& reference) {
  for (auto _ : state) {
    Reference copy = reference;
    benchmark::DoNotOptimize(copy);
  }
}

template <class Make>
void copied_by_owner(benchmark::State& state, Make make) {
  end_of_innocence();
  copy_and_drop(state, make());
}
template <class Make>
void copied_by_another(benchmark::State& state, Make make) {
  const auto reference = make();
  std::thread([&] { copy_and_drop(state, reference); }).join();
}
template <class Make>
void made_and_dropped(benchmark::State& state, Make make) {
  end_of_innocence();
  for (auto _ : state) {
    auto reference = make();
    benchmark::DoNotOptimize(reference);
  }
}

const auto kLoam = [] { return make_rc<value>(); };
const auto kLocal = [] { return make_local_rc<value>(); };
const auto kShared = [] { return std::make_shared<value>(); };
const auto kIntrusive = [] { return boost::intrusive_ptr<counted_value>(new counted_value); };

BENCHMARK_CAPTURE(copied_by_owner, rc, kLoam);
BENCHMARK_CAPTURE(copied_by_owner, local_rc, kLocal);
BENCHMARK_CAPTURE(copied_by_owner, shared_ptr, kShared);
BENCHMARK_CAPTURE(copied_by_owner, intrusive_ptr, kIntrusive);
BENCHMARK_CAPTURE(copied_by_another, rc, kLoam);
BENCHMARK_CAPTURE(copied_by_another, shared_ptr, kShared);
BENCHMARK_CAPTURE(copied_by_another, intrusive_ptr, kIntrusive);
BENCHMARK_CAPTURE(made_and_dropped, rc, kLoam);
BENCHMARK_CAPTURE(made_and_dropped, local_rc, kLocal);
BENCHMARK_CAPTURE(made_and_dropped, shared_ptr, kShared);
BENCHMARK_CAPTURE(made_and_dropped, intrusive_ptr, kIntrusive);

// Two threads at the same object.
void contended_borrow(benchmark::State& state) {
  static rc_cell<value> cell(make_rc<value>());
  for (auto _ : state) {
    auto here = cell.borrow();
    benchmark::DoNotOptimize(here);
  }
}
void contended_rc(benchmark::State& state) {
  static const rc<value> reference = make_rc<value>();
  copy_and_drop(state, reference);
}
void contended_shared_ptr(benchmark::State& state) {
  static const std::shared_ptr<value> reference = std::make_shared<value>();
  copy_and_drop(state, reference);
}
BENCHMARK(contended_borrow)->Threads(2);
BENCHMARK(contended_rc)->Threads(2);
BENCHMARK(contended_shared_ptr)->Threads(2);

struct link {
  rc<link> next;
  rc<link> previous;
  LOAM_RC_FIELDS(next, previous)
};

// A ring linked both ways, dropped and collected; time for a node.
void ring_collected(benchmark::State& state) {
  const auto nodes = static_cast<int>(state.range(0));
  while (state.KeepRunningBatch(nodes)) {
    state.PauseTiming();
    {
      const rc<link> first = make_rc<link>();
      rc<link> last = first;
      for (int i = 1; i < nodes; ++i) {
        rc<link> fresh = make_rc<link>();
        fresh->previous = last;
        last->next = fresh;
        last = std::move(fresh);
      }
      last->next = first;
      first->previous = last;
    }
    state.ResumeTiming();
    collect_cycles();
  }
}
BENCHMARK(ring_collected)->Arg(1'000)->Arg(1'000'000);

// 10,000 candidates, in rings of ten that are garbage but for every other one, in steps of half a millisecond: time for a candidate, and in
// the counters the longest step by the processor's time and the number of steps.
void candidates_in_steps(benchmark::State& state) {
  constexpr int kRings = 1'000;
  constexpr int kNodes = 10;
  std::clock_t longest = 0;
  double steps = 0;
  while (state.KeepRunningBatch(kRings * kNodes)) {
    state.PauseTiming();
    std::vector<rc<link>> kept;
    for (int ring = 0; ring < kRings; ++ring) {
      std::vector<rc<link>> nodes;
      for (int i = 0; i < kNodes; ++i) nodes.push_back(make_rc<link>());
      for (int i = 0; i < kNodes; ++i) {
        nodes[static_cast<std::size_t>(i)]->next = nodes[static_cast<std::size_t>((i + 1) % kNodes)];
        nodes[static_cast<std::size_t>((i + 1) % kNodes)]->previous = nodes[static_cast<std::size_t>(i)];
      }
      if (ring % 2 == 0) kept.push_back(nodes.front());
    }
    state.ResumeTiming();
    for (bool done = false; !done; ++steps) {
      const std::clock_t before = std::clock();
      done = collect_cycles(std::chrono::microseconds(500)).done;
      longest = std::max(longest, std::clock() - before);
    }
    state.PauseTiming();
    kept.clear();
    collect_cycles();
    state.ResumeTiming();
  }
  state.counters["longest_step_us"] = static_cast<double>(longest) * 1e6 / CLOCKS_PER_SEC;
  state.counters["steps"] = steps;
}
BENCHMARK(candidates_in_steps);

}  // namespace
}  // namespace loam::bench
