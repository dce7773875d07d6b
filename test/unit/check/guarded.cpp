#include "check/guarded.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "sys/kernel.hpp"
#include "sys/probe.hpp"

#include "support/damage.hpp"

namespace loam::check {
namespace {

constexpr uint64_t kWindow = uint64_t{64} << 20;

void free_block(Guarded& guarded, GuardedRecord& record) {
  record.record.state.store(BlockState::kFreed);
  guarded.give(record);
}

// In the child that a death test forks.
void write_to(Guarded& guarded, char* address) {
  guarded.renew();
  *static_cast<volatile char*>(address) = 1;
}

TEST(Guarded, EndIsAgainstTheGuard) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  for (const size_t size : {size_t{1}, size_t{8}, size_t{16}, size_t{100}, size_t{4096}, size_t{70000}}) {
    GuardedRecord* record = guarded.take(size, 4);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->size, size);
    memset(record->user, 1, size);
    const auto end = reinterpret_cast<uint64_t>(record->user) + size;
    EXPECT_LT(base::align_up(end, Guarded::kPage) - end, 16u) << size;
    if (size >= 16) {
      EXPECT_EQ(reinterpret_cast<uint64_t>(record->user) % 16, 0u);
    }
    const uint64_t guard = base::align_up(end, Guarded::kPage);
    EXPECT_DEATH(write_to(guarded, reinterpret_cast<char*>(guard)), "") << size;
    EXPECT_EQ(guarded.find(reinterpret_cast<const void*>(guard)), record);
    EXPECT_EQ(guarded.find(record->user), record);
  }
}

TEST(Guarded, FlipStandsBehindTheGuard) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, true, 1));
  // The first of all has a guard of its own.
  for (int i = 0; i < 3; ++i) {
    GuardedRecord* record = guarded.take(100, 4);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(reinterpret_cast<uint64_t>(record->user) % Guarded::kPage, 0u);
    EXPECT_DEATH(write_to(guarded, record->user - 1), "");
    EXPECT_TRUE(guarded.covers(record->user - Guarded::kPage));
  }
}

TEST(Guarded, FreedPagesFaultAndKeepTheirRecord) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  GuardedRecord* record = guarded.take(5000, 4);
  char* user = record->user;
  record->history.allocated_at = 77;
  free_block(guarded, *record);
  EXPECT_DEATH(write_to(guarded, user), "");
  EXPECT_DEATH(write_to(guarded, user + 4999), "");
  ASSERT_EQ(guarded.find(user), record);
  EXPECT_EQ(guarded.find(user)->history.allocated_at, 77u);
  EXPECT_EQ(guarded.live_bytes(), 0u);
}

TEST(Guarded, LargeAlignment) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  for (unsigned log = 4; log < 22; ++log) {
    GuardedRecord* record = guarded.take(3000, log);
    ASSERT_NE(record, nullptr) << log;
    EXPECT_EQ(reinterpret_cast<uint64_t>(record->user) % (uint64_t{1} << log), 0u);
    memset(record->user, 1, 3000);
    Finding finding{};
    EXPECT_FALSE(guarded.check_canaries(*record, &finding));
  }
}

TEST(Guarded, AddressesAreUsedAgainOnlyAfterAllOthers) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  const uint64_t runs = (kWindow / Guarded::kPage - 1) / 2;  // a page stands in front of all
  GuardedRecord* first = guarded.take(100, 4);
  char* const user = first->user;
  free_block(guarded, *first);
  GuardedRecord* kept = guarded.take(100, 4);
  for (uint64_t i = 2; i < runs; ++i) {
    GuardedRecord* record = guarded.take(100, 4);
    ASSERT_NE(record, nullptr);
    ASSERT_NE(record->user, user);
    free_block(guarded, *record);
  }
  GuardedRecord* again = guarded.take(100, 4);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->user, user);
  EXPECT_EQ(*user, 0);
  // Longer ones take several old runs together, around what lives.
  for (int i = 0; i < 100; ++i) {
    GuardedRecord* record = guarded.take(50000, 4);
    ASSERT_NE(record, nullptr);
    ASSERT_TRUE(record->user + 50000 <= kept->user || record->user > kept->user);
    memset(record->user, 1, 50000);
    free_block(guarded, *record);
  }
}

bool is_there(const char* address) { return sys::readable(reinterpret_cast<uint64_t>(address)); }

// As before a filter for system calls, or when the kernel's help is lost: all that faulted still does.
TEST(Guarded, GoesOverToGuards) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  std::vector<GuardedRecord*> records;
  for (int i = 0; i < 40; ++i) {
    records.push_back(guarded.take(i % 3 == 0 ? 9008 : 96, 4));
    memset(records.back()->user, 'a', records.back()->size);
  }
  for (size_t i = 0; i < records.size(); i += 2) free_block(guarded, *records[i]);
  const auto check = [&] {
    for (size_t i = 0; i < records.size(); ++i) {
      const GuardedRecord& record = *records[i];
      ASSERT_EQ(is_there(record.user), i % 2 == 1) << i;
      if (i % 2 == 0) continue;
      ASSERT_EQ(record.user[record.size - 1], 'a') << i;
      ASSERT_FALSE(is_there(record.user + record.size)) << i;
    }
  };
  check();
  guarded.use_guards();
  check();
  for (int i = 0; i < 40; ++i) {
    GuardedRecord* record = guarded.take(100, 4);
    ASSERT_NE(record, nullptr);
    memset(record->user, 'b', 100);
    ASSERT_FALSE(is_there(record->user + 112));
    free_block(guarded, *record);
    ASSERT_FALSE(is_there(record->user));
  }
  check();
}

TEST(Guarded, FullWindowGivesNothing) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  std::vector<GuardedRecord*> records;
  while (GuardedRecord* record = guarded.take(200000, 4)) records.push_back(record);
  EXPECT_GT(records.size(), kWindow / 250000);
  EXPECT_EQ(guarded.take(~size_t{0} >> 1, 4), nullptr);
  free_block(guarded, *records[3]);
  EXPECT_NE(guarded.take(200000, 4), nullptr);
}

TEST(Guarded, DamageOnEitherSide) {
  Guarded guarded;
  ASSERT_TRUE(guarded.open(kWindow, false, 1));
  GuardedRecord* record = guarded.take(100, 4);
  Finding finding{};
  EXPECT_FALSE(guarded.check_canaries(*record, &finding));
  test::damage(record->user[101]);
  ASSERT_TRUE(guarded.check_canaries(*record, &finding));
  EXPECT_EQ(finding.kind, Kind::kOverflow);
  EXPECT_EQ(finding.offset, 101);
  EXPECT_FALSE(guarded.check_canaries(*record, &finding));
  test::damage(record->user[-1]);
  ASSERT_TRUE(guarded.check_canaries(*record, &finding));
  EXPECT_EQ(finding.kind, Kind::kUnderflow);
  EXPECT_EQ(finding.offset, -1);
}

}  // namespace
}  // namespace loam::check
