#include "stack/rules.hpp"

#include <gtest/gtest.h>

#include "tables.hpp"

namespace loam::stack {
namespace {

// The rules at `offset` in a function with these instructions.
bool run(const ByteList& instructions, uint64_t offset, Rules& rules) {
  const Tables tables({{Tables::base(), 1000, instructions}});
  Entry entry;
  EXPECT_TRUE(find_entry(tables.table(), Tables::base(), entry));
  return run_rules(entry, Tables::base() + offset, rules);
}

TEST(Rules, TheCommonPartHoldsAtTheEntry) {
  Rules rules;
  ASSERT_TRUE(run({0x41, 0x0e, 16}, 0, rules));
  EXPECT_TRUE(rules.cfa_known);
  EXPECT_EQ(rules.cfa_register, kRsp);
  EXPECT_EQ(rules.cfa_offset, 8);
  EXPECT_EQ(rules.registers[kReturnAddress].place, Place::kAtCfa);
  EXPECT_EQ(rules.registers[kReturnAddress].offset, -8);
  EXPECT_EQ(rules.registers[kRbp].place, Place::kSame);
}

TEST(Rules, RowsBeginWhereTheLocationSays) {
  // push rbp after one byte, mov rbp, rsp after four, three bytes more: by advances of all widths.
  const ByteList instructions = {0x41, 0x0e, 16, 0x86, 2, 0x02, 3, 0x0d, 6, 0x03, 3, 0, 0x0c, 7, 8};
  Rules rules;
  ASSERT_TRUE(run(instructions, 0, rules));
  EXPECT_EQ(rules.cfa_offset, 8);
  ASSERT_TRUE(run(instructions, 1, rules));
  EXPECT_EQ(rules.cfa_offset, 16);
  EXPECT_EQ(rules.registers[kRbp].offset, -16);
  ASSERT_TRUE(run(instructions, 3, rules));
  EXPECT_EQ(rules.cfa_register, kRsp);
  ASSERT_TRUE(run(instructions, 4, rules));
  EXPECT_EQ(rules.cfa_register, kRbp);
  EXPECT_EQ(rules.cfa_offset, 16);
  ASSERT_TRUE(run(instructions, 7, rules));
  EXPECT_EQ(rules.cfa_register, kRsp);
  EXPECT_EQ(rules.cfa_offset, 8);
}

TEST(Rules, RemembersAndRestores) {
  const ByteList instructions = {0x86, 2, 0x0e, 32, 0x0a, 0x41, 0x0e, 8, 0xc6, 0x41, 0x0b};
  Rules rules;
  ASSERT_TRUE(run(instructions, 1, rules));
  EXPECT_EQ(rules.cfa_offset, 8);
  EXPECT_EQ(rules.registers[kRbp].place, Place::kSame);
  ASSERT_TRUE(run(instructions, 2, rules));
  EXPECT_EQ(rules.cfa_offset, 32) << "the CFA is part of the state";
  EXPECT_EQ(rules.registers[kRbp].place, Place::kAtCfa);
  EXPECT_FALSE(run({0x0b}, 0, rules)) << "nothing was remembered";
  EXPECT_FALSE(run(ByteList(20, 0x0a), 0, rules)) << "more than anybody remembers";
}

TEST(Rules, EveryKindOfPlace) {
  Rules rules;
  ASSERT_TRUE(run({0x07, 16, 0x08, 3, 0x09, 12, 13, 0x05, 14, 4, 0x11, 15, 0x7d, 0x14, 0, 2, 0x15, 1, 0x7e},
                  0, rules));
  EXPECT_EQ(rules.registers[kReturnAddress].place, Place::kUndefined);
  EXPECT_EQ(rules.registers[kRbx].place, Place::kSame);
  EXPECT_EQ(rules.registers[12].place, Place::kRegister);
  EXPECT_EQ(rules.registers[12].offset, 13);
  EXPECT_EQ(rules.registers[14].offset, -32);
  EXPECT_EQ(rules.registers[15].offset, 24);
  EXPECT_EQ(rules.registers[0].place, Place::kCfaPlus);
  EXPECT_EQ(rules.registers[0].offset, -16);
  EXPECT_EQ(rules.registers[1].offset, 16);
}

TEST(Rules, Expressions) {
  Rules rules;
  ASSERT_TRUE(run({0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0, 0x16, 3, 1, 0x30}, 0, rules));
  EXPECT_TRUE(rules.cfa_is_expression);
  EXPECT_EQ(rules.cfa_expression.size, 3u);
  EXPECT_EQ(rules.cfa_expression.start[0], 0x76);
  EXPECT_EQ(rules.registers[kRbp].place, Place::kAtExpression);
  EXPECT_EQ(rules.registers[kRbp].size, 2u);
  EXPECT_EQ(rules.registers[kRbx].place, Place::kExpression);
  EXPECT_FALSE(run({0x0f, 60, 0x76}, 0, rules)) << "longer than the entry";
}

TEST(Rules, RefusesWhatItDoesNotKnow) {
  Rules rules;
  EXPECT_FALSE(run({0x3f, 1}, 0, rules));
  EXPECT_FALSE(run({0x0c, 40, 8}, 0, rules)) << "a CFA from a vector register";
}

TEST(Rules, IgnoresVectorRegisters) {
  Rules rules;
  ASSERT_TRUE(run({0x05, 17, 4, 0x91, 4}, 0, rules));
  EXPECT_EQ(rules.cfa_offset, 8);
}

}  // namespace
}  // namespace loam::stack
