#include "stack/depot.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace loam::stack {
namespace {

using Stack = std::vector<Frame>;  // innermost first

Id enter(Depot& into, const Stack& stack, Ending ending = Ending::kComplete) {
  Depot::Entering entering(into, ending);
  for (size_t i = stack.size(); i > 0; --i) entering.add(stack[i - 1]);
  return entering.finish();
}

Stack frames_of(const Depot& from, Id id) {
  Stack stack(4000);
  stack.resize(from.resolve(id, stack.data(), 4000).count);
  return stack;
}

bool equal(const Stack& a, const Stack& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](Frame x, Frame y) { return x.word() == y.word(); });
}

// Stacks as programs have them: walks in a tree of calls.
Stack random_stack(std::mt19937_64& random) {
  Stack stack;
  uint64_t pc = 0x1000;
  for (uint64_t depth = random() % 60; depth > 0; --depth) {
    pc = pc * 31 + random() % 3;
    stack.insert(stack.begin(), Frame(pc & 0x7fffffffffff, static_cast<uint16_t>(pc % 5)));
  }
  return stack;
}

TEST(Depot, GivesBackWhatWasEntered) {
  const auto own = std::make_unique<Depot>();
  std::mt19937_64 random(1);
  std::map<Id, Stack> known;
  for (int i = 0; i < 20000; ++i) {
    const Stack stack = random_stack(random);
    const Id id = enter(*own, stack);
    ASSERT_NE(id, kNoStack);
    const auto [place, is_new] = known.emplace(id, stack);
    ASSERT_TRUE(equal(place->second, stack)) << "one id for two stacks";
    ASSERT_EQ(enter(*own, stack), id) << "two ids for one stack";
  }
  for (const auto& [id, stack] : known) ASSERT_TRUE(equal(frames_of(*own, id), stack));
  EXPECT_GT(own->bytes(), 0u);
}

TEST(Depot, OuterPartsAreShared) {
  const auto own = std::make_unique<Depot>();
  Stack stack;
  for (uint64_t i = 1; i <= 1000; ++i) stack.push_back(Frame(i * 16, 1));
  enter(*own, stack);
  const uint64_t before = own->records();
  for (uint64_t i = 1; i <= 100; ++i) {
    stack[0] = Frame(0x10000 + i, 1);
    enter(*own, stack);
  }
  EXPECT_LE(own->records() - before, 100u);
}

TEST(Depot, TellsEndingsApart) {
  const auto own = std::make_unique<Depot>();
  const Stack stack = {Frame(1, 1), Frame(2, 1)};
  const Id complete = enter(*own, stack, Ending::kComplete);
  const Id lost = enter(*own, stack, Ending::kLost);
  const Id cut = enter(*own, stack, Ending::kCut);
  EXPECT_NE(complete, lost);
  EXPECT_NE(lost, cut);
  Frame frames[4];
  EXPECT_EQ(own->resolve(lost, frames, 4).ending, Ending::kLost);
  EXPECT_EQ(own->resolve(cut, frames, 4).ending, Ending::kCut);
  EXPECT_EQ(own->resolve(complete, frames, 4).ending, Ending::kComplete);
  EXPECT_EQ(own->resolve(kNoStack, frames, 4).count, 0u);
}

TEST(Depot, ResolvesAsMuchAsFits) {
  const auto own = std::make_unique<Depot>();
  Stack stack;
  for (uint64_t i = 0; i < 100; ++i) stack.push_back(Frame(i + 1, 1));
  Frame frames[10];
  const Resolved resolved = own->resolve(enter(*own, stack), frames, 10);
  EXPECT_EQ(resolved.count, 10u);
  EXPECT_EQ(resolved.depth, 100u);
  EXPECT_EQ(frames[9].pc(), 10u);
}

TEST(Depot, ThreadsAgreeOnIds) {
  const auto own = std::make_unique<Depot>();
  constexpr int kThreads = 4;
  std::vector<std::vector<Id>> ids(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(9);  // all the same stacks at the same time
      for (int i = 0; i < 10000; ++i)
        ids[static_cast<size_t>(t)].push_back(enter(*own, random_stack(random)));
    });
  }
  for (auto& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(ids[static_cast<size_t>(t)], ids[0]);
}

}  // namespace
}  // namespace loam::stack
