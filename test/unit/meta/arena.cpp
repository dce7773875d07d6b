#include "meta/arena.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "sys/kernel.hpp"

namespace loam::meta {
namespace {

TEST(Arena, GivesZeroedLines) {
  static Arena arena;
  int local = 0;
  EXPECT_FALSE(arena.owns(&local));
  char* before = nullptr;
  uint64_t used = 0;
  for (const size_t bytes : {size_t{1}, size_t{64}, size_t{65}, size_t{64} << 10, size_t{1000}}) {
    auto* piece = static_cast<char*>(arena.allocate(bytes));
    ASSERT_NE(piece, nullptr);
    EXPECT_EQ(reinterpret_cast<uint64_t>(piece) % 64, 0u);
    EXPECT_TRUE(arena.owns(piece) && arena.owns(piece + bytes - 1));
    EXPECT_TRUE(std::all_of(piece, piece + bytes, [](char c) { return c == 0; }));
    std::fill(piece, piece + bytes, 'x');
    EXPECT_NE(piece, before);
    used += (bytes + 63) / 64 * 64;
    EXPECT_EQ(arena.used(), used);
    before = piece;
  }
  EXPECT_GE(arena.mapped(), arena.used());
}

TEST(Arena, GoesOnInTheNextChunk) {
  static Arena arena;
  std::vector<char*> pieces;
  for (int i = 0; i < 100; ++i) {
    auto* piece = static_cast<char*>(arena.allocate(60000));
    ASSERT_NE(piece, nullptr);
    std::fill(piece, piece + 60000, static_cast<char>(i + 1));
    pieces.push_back(piece);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i][0], static_cast<char>(i + 1));
    EXPECT_EQ(pieces[i][59999], static_cast<char>(i + 1));
  }
  EXPECT_GE(arena.mapped(), 100u * 60032);
}

TEST(Arena, ChunksLieSideBySideWhereHugePagesArePreferred) {
  static Arena arena;
  arena.prefer_huge_pages();
  char* before = nullptr;
  int beside = 0;
  for (int i = 0; i < 16 * 17; ++i) {
    auto* piece = static_cast<char*>(arena.allocate(60000));
    ASSERT_NE(piece, nullptr);
    EXPECT_EQ(piece[0] | piece[59999], 0);
    std::fill(piece, piece + 60000, 'x');
    if (i == 0) {
      EXPECT_EQ(reinterpret_cast<uint64_t>(piece) % (uint64_t{2} << 20), 64u);
    }
    // The chunk in hand is mapped after the first one, and used before the third.
    const uint64_t chunk = reinterpret_cast<uint64_t>(piece) / Arena::kChunk;
    const uint64_t last = reinterpret_cast<uint64_t>(before) / Arena::kChunk;
    if (before != nullptr && (chunk == last + 1 || chunk == last + 2)) ++beside;
    before = piece;
  }
  EXPECT_GE(beside, 12);
}

TEST(Arena, GoesOnInChunksWhereThereIsNoRoomForHugePages) {
  static Arena arena;
  arena.prefer_huge_pages();
  sys::fail_call(1, false);
  EXPECT_NE(arena.allocate(64), nullptr);
}

TEST(Arena, OutOfMemory) {
  static Arena arena;
  sys::fail_call(1, false);
  EXPECT_EQ(arena.allocate(64), nullptr);
  EXPECT_NE(arena.allocate(64), nullptr);
}

// A signal handler that comes while a chunk is being added waits for nobody, and gets its memory: a malloc of one returned null.
TEST(Arena, WhoInterruptsGrowthIsServedToo) {
  static Arena arena;
  arena.lock().lock();
  auto* first = static_cast<uint64_t*>(arena.allocate(64));
  auto* second = static_cast<uint64_t*>(arena.allocate(64 * 1024));
  arena.lock().unlock();
  auto* later = static_cast<uint64_t*>(arena.allocate(64));
  for (uint64_t* piece : {first, second, later}) {
    ASSERT_NE(piece, nullptr);
    EXPECT_TRUE(arena.owns(piece));
    for (int i = 0; i < 8; ++i) EXPECT_EQ(piece[i], 0u);
    std::memset(piece, 0xff, 64);
  }
  unsigned chunks = 0;
  for (const char* chunk = arena.newest_chunk(); chunk != nullptr; chunk = Arena::chunk_before(chunk))
    ++chunks;
  EXPECT_EQ(chunks, 3u);
  EXPECT_EQ(arena.mapped(), 3 * Arena::kChunk);
}

TEST(Arena, ThreadsNeverShareAPiece) {
  static Arena arena;
  constexpr size_t kEach = 3000;
  std::vector<std::vector<uint64_t*>> pieces(3);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < pieces.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) {
        auto* piece = static_cast<uint64_t*>(arena.allocate(512 + 64 * (i % 7)));
        if (piece == nullptr || piece[0] != 0) return;
        piece[0] = t * kEach + i + 1;
        pieces[t].push_back(piece);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < pieces.size(); ++t) {
    ASSERT_EQ(pieces[t].size(), kEach);
    for (size_t i = 0; i < kEach; ++i) EXPECT_EQ(pieces[t][i][0], t * kEach + i + 1);
  }
}

}  // namespace
}  // namespace loam::meta
