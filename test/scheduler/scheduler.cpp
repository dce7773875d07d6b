#include "scheduler/scheduler.hpp"

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

namespace loam::scheduler {

namespace {

constexpr size_t kStackBytes = size_t{128} << 10;
constexpr uint64_t kMostSteps = 1'000'000;  // of one schedule; more is an endless loop

struct Body {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  const std::function<void()>* work;
  bool ended;
};

struct State {
  std::mt19937_64 random;
  ucontext_t home;
  std::vector<Body> bodies;
  size_t current = 0;
  uint64_t steps = 0;
  unsigned stay = 0;     // in 100: how often the one who runs goes on running
  bool endless = false;  // a body has taken too many steps
  bool running = false;
};

State state;

void enter() {
  Body& body = state.bodies[state.current];
  (*body.work)();
  body.ended = true;
  swapcontext(&body.context, &state.home);
}

bool draw_next() {
  size_t left = 0;
  for (const Body& body : state.bodies) left += body.ended ? 0 : 1;
  if (left == 0) return false;
  size_t pick = state.random() % left;
  for (size_t i = 0; i < state.bodies.size(); ++i) {
    if (state.bodies[i].ended) continue;
    if (pick-- == 0) {
      state.current = i;
      return true;
    }
  }
  return false;
}

void prepare(Body& body, const std::function<void()>& work) {
  if (body.stack == nullptr) body.stack = std::make_unique<char[]>(kStackBytes);
  getcontext(&body.context);
  body.context.uc_stack.ss_sp = body.stack.get();
  body.context.uc_stack.ss_size = kStackBytes;
  body.context.uc_link = &state.home;
  body.work = &work;
  body.ended = false;
  makecontext(&body.context, enter, 0);
}

class Endless {};

uint64_t first_seed() {
  const char* chosen = std::getenv("LOAM_SEED");
  if (chosen != nullptr) return std::strtoull(chosen, nullptr, 10);
  return std::random_device{}() * uint64_t{1'000'000};
}

}  // namespace

void run(uint64_t seed, const std::vector<std::function<void()>>& bodies) {
  state.random.seed(seed);
  constexpr unsigned kStay[] = {0, 50, 80, 95};
  state.stay = kStay[state.random() % 4];
  state.steps = 0;
  state.bodies.resize(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) prepare(state.bodies[i], bodies[i]);
  state.running = true;
  state.endless = false;
  while (!state.endless && draw_next()) swapcontext(&state.home, &state.bodies[state.current].context);
  state.running = false;
  // Past whatever would look at the structure, which may lead in a circle.
  if (state.endless) throw Endless();
}

void step() {
  if (!state.running) return;
  if (++state.steps > kMostSteps) {
    state.endless = true;
    swapcontext(&state.bodies[state.current].context, &state.home);  // for good
  }
  if (state.random() % 100 < state.stay) return;
  swapcontext(&state.bodies[state.current].context, &state.home);
}

bool spurious() { return state.running && state.random() % 16 == 0; }

Finding explore(const char* name, uint64_t schedules, const Trial& trial) {
  const uint64_t first = first_seed();
  for (uint64_t i = 0; i < schedules; ++i) {
    std::string wrong;
    try {
      wrong = trial(first + i);
    } catch (const Endless&) {
      wrong = "the schedule does not come to its end";
    }
    if (wrong.empty()) continue;
    std::printf("%s: LOAM_SEED=%llu, after %llu schedules: %s\n", name,
                static_cast<unsigned long long>(first + i), static_cast<unsigned long long>(i + 1),
                wrong.c_str());
    return {first + i, i + 1, wrong};
  }
  std::printf("%s: %llu schedules from seed %llu, nothing wrong\n", name,
              static_cast<unsigned long long>(schedules), static_cast<unsigned long long>(first));
  return {first, schedules, {}};
}

}  // namespace loam::scheduler
