#include "stack/eh_frame.hpp"

#include <gtest/gtest.h>

#include "tables.hpp"

namespace loam::stack {
namespace {

std::vector<Function> functions() {
  const uint64_t base = Tables::base();
  return {{base, 16, {0x41}}, {base + 16, 32, {0x42}}, {base + 100, 10, {0x43}}, {base + 200, 1, {0x44}}};
}

TEST(EhFrame, FindsTheEntryOfAPc) {
  const Tables tables(functions());
  for (const Function& function : functions()) {
    for (const uint64_t pc : {function.start, function.start + function.size - 1}) {
      Entry entry;
      ASSERT_TRUE(find_entry(tables.table(), pc, entry));
      EXPECT_EQ(entry.start, function.start);
      EXPECT_EQ(entry.end, function.start + function.size);
      EXPECT_EQ(entry.own[0], function.instructions[0]);
      EXPECT_EQ(entry.code_factor, 1u);
      EXPECT_EQ(entry.data_factor, -8);
      EXPECT_EQ(entry.return_column, 16u);
      EXPECT_FALSE(entry.signal_frame);
    }
  }
}

TEST(EhFrame, FindsNothingBetweenEntries) {
  const Tables tables(functions());
  for (const uint64_t offset : {uint64_t{48}, uint64_t{99}, uint64_t{110}, uint64_t{201}, ~uint64_t{0}}) {
    Entry entry;
    EXPECT_FALSE(find_entry(tables.table(), Tables::base() + offset, entry)) << offset;
  }
}

TEST(EhFrame, WithoutASortedTableItReadsAll) {
  const Tables tables(functions(), {'z', 'R', 0}, false);
  for (const Function& function : functions()) {
    Entry entry;
    ASSERT_TRUE(find_entry(tables.table(), function.start, entry));
    EXPECT_EQ(entry.end, function.start + function.size);
  }
  Entry entry;
  EXPECT_FALSE(find_entry(tables.table(), Tables::base() + 99, entry));
}

TEST(EhFrame, KnowsSignalFrames) {
  const Tables tables(functions(), {'z', 'R', 'S', 0});
  Entry entry;
  ASSERT_TRUE(find_entry(tables.table(), Tables::base(), entry));
  EXPECT_TRUE(entry.signal_frame);
}

// The kernel, lld and hand-written tables: an address of a personality routine or an unknown letter must not shift what follows.
TEST(EhFrame, SkipsWhatItDoesNotKnow) {
  const Tables tables(functions(), {'z', 'R', '?', 0});
  Entry entry;
  ASSERT_TRUE(find_entry(tables.table(), Tables::base(), entry));
  EXPECT_EQ(entry.start, Tables::base());
}

TEST(EhFrame, RefusesWithoutAugmentationLength) {
  const Tables tables(functions(), {'e', 'h', 0});
  Entry entry;
  EXPECT_FALSE(find_entry(tables.table(), Tables::base(), entry));
}

// Each byte of the tables in turn is made wrong: an answer or none, but never a read outside of them.
TEST(EhFrame, SurvivesEveryWrongByte) {
  Tables tables(functions());
  for (size_t at = 0; at < tables.size(); ++at) {
    for (const int value : {0, 0x7f, 0x80, 0xff}) {
      const uint8_t kept = tables.byte(at);
      tables.byte(at) = static_cast<uint8_t>(value);
      for (const Function& function : functions()) {
        Entry entry;
        if (!find_entry(tables.table(), function.start, entry)) continue;
        EXPECT_GE(entry.own, tables.table().begin);
        EXPECT_LE(entry.own_end, tables.table().end);
        EXPECT_GE(entry.common, tables.table().begin);
        EXPECT_LE(entry.common_end, tables.table().end);
      }
      tables.byte(at) = kept;
    }
  }
}

}  // namespace
}  // namespace loam::stack
