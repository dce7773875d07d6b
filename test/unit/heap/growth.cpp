#include "heap/growth.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "support/heap.hpp"

namespace loam::heap {
namespace {

Span& span_of(void* block) { return *page_map.find(block); }

// All rooms that the heap gives, each with its number in every byte.
std::vector<char*> take_rooms(test::HeapUser& user, size_t size) {
  std::vector<char*> rooms;
  for (auto* room = static_cast<char*>(allocate_growth(user.heap(), size)); room != nullptr;
       room = static_cast<char*>(allocate_growth(user.heap(), size))) {
    memset(room, static_cast<int>(rooms.size()), size);
    rooms.push_back(room);
  }
  return rooms;
}

bool holds(const char* block, size_t size, size_t value) {
  for (size_t i = 0; i < size; ++i) {
    if (block[i] != static_cast<char>(value)) return false;
  }
  return true;
}

TEST(Growth, RoomsAreBoundedAndOfSizesThatGrow) {
  test::HeapUser user;
  EXPECT_EQ(allocate_growth(user.heap(), kGrowFrom - 1), nullptr);
  EXPECT_EQ(allocate_growth(user.heap(), kMaxSmall + 1), nullptr);
  const std::vector<char*> rooms = take_rooms(user, 1000);
  EXPECT_EQ(rooms.size(), kMostGrowthSpans);
  for (char* room : rooms) {
    EXPECT_EQ(find_size(room), 1008U);
    set_growth_size(span_of(room), 0, 40000);
    EXPECT_EQ(find_size(room), 40960U);
    EXPECT_TRUE(user.release(room));
    EXPECT_FALSE(user.release(room));
  }
  EXPECT_EQ(verify(), nullptr);
}

TEST(Growth, ARoomIsOutgrownInPlaceWhereTheSlicesBehindAreFree) {
  test::HeapUser user;
  const size_t size = 60000;
  const size_t larger = 100000;
  const std::vector<char*> rooms = take_rooms(user, size);
  size_t outgrown = 0;
  for (size_t i = 0; i < rooms.size(); ++i) {
    const bool blocked = page_map.find(rooms[i] + kMaxSmall) != nullptr &&
                         page_map.find(rooms[i] + kMaxSmall)->kind == SpanKind::kSmall;
    const bool done = outgrow(user.heap(), span_of(rooms[i]), larger);
    if (blocked) {
      EXPECT_FALSE(done);
    }
    EXPECT_TRUE(holds(rooms[i], size, i));
    EXPECT_EQ(span_of(rooms[i]).kind, done ? SpanKind::kLarge : SpanKind::kSmall);
    EXPECT_EQ(find(rooms[i] + size - 1).block, rooms[i]);
    if (!done) continue;
    ++outgrown;
    EXPECT_EQ(find_size(rooms[i]), base::align_up(larger, kPage));
    memset(rooms[i], static_cast<int>(i), larger);
  }
  EXPECT_GT(outgrown, 0U) << "not one room had free slices behind";
  EXPECT_EQ(verify(), nullptr);
  // Those that became large make room for as many new ones.
  EXPECT_EQ(take_rooms(user, size).size(), outgrown);
  for (size_t i = 0; i < rooms.size(); ++i) {
    EXPECT_TRUE(holds(rooms[i], size, i));
    EXPECT_TRUE(user.release(rooms[i]));
    EXPECT_FALSE(user.release(rooms[i]));
  }
  EXPECT_EQ(verify(), nullptr);
}

TEST(Growth, ARoomOfAnotherHeapIsLeftAsItIs) {
  test::HeapUser user;
  std::vector<char*> rooms = take_rooms(user, 60000);
  user.release(rooms.back());
  auto* room = static_cast<char*>(allocate_growth(user.heap(), 60000));
  ThreadHeap* other = attach_heap();
  ASSERT_NE(other, nullptr);
  EXPECT_FALSE(outgrow(*other, span_of(room), 100000));
  EXPECT_EQ(span_of(room).kind, SpanKind::kSmall);
  orphan_heap(*other);
  EXPECT_TRUE(user.release(room));
  EXPECT_EQ(verify(), nullptr);
}

}  // namespace
}  // namespace loam::heap
