// The same answers with one thread and with several, and no update lost once there are several.
#include "sys/lone.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace loam::sys {
namespace {

enum class State : uint8_t { kFirst, kSecond };

template <class T>
void try_each(T first, T second) {
  std::atomic<T> place{first};
  T expected = second;
  EXPECT_FALSE(exchange_if(place, expected, second));
  EXPECT_EQ(expected, first);
  EXPECT_TRUE(exchange_if(place, expected, second));
  EXPECT_EQ(place.load(), second);
  EXPECT_EQ(exchange(place, first), second);
  EXPECT_EQ(place.load(), first);
}

TEST(Lone, AnswersAsAnAtomicWould) {
  const auto each = [] {
    try_each<uint8_t>(3, 250);
    try_each<uint64_t>(3, ~uint64_t{0});
    try_each(State::kFirst, State::kSecond);
    char byte = 0;
    try_each<char*>(nullptr, &byte);
  };
  each();
  std::thread other(each);
  each();
  other.join();
  each();
}

TEST(Lone, NothingIsLostBetweenThreads) {
  std::atomic<uint64_t> sum{0};
  constexpr uint64_t kEach = 200'000;
  const auto add = [&] {
    for (uint64_t i = 0; i < kEach; ++i) {
      uint64_t seen = sum.load();
      while (!exchange_if(sum, seen, seen + 1)) {
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(add);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum.load(), 3 * kEach);
}

// Bytes beside each other are nobody else's.
TEST(Lone, NeighboursStayAsTheyWere) {
  uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(exchange(&bytes[3], uint8_t{99}), 4);
  EXPECT_EQ(bytes[2], 3);
  EXPECT_EQ(bytes[3], 99);
  EXPECT_EQ(bytes[4], 5);
}

}  // namespace
}  // namespace loam::sys
