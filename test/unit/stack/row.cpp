#include "stack/row.hpp"

#include <gtest/gtest.h>

namespace loam::stack {
namespace {

Rules plain(unsigned cfa_register, int64_t offset) {
  Rules rules;
  rules.cfa_known = true;
  rules.cfa_register = static_cast<uint8_t>(cfa_register);
  rules.cfa_offset = offset;
  rules.registers[kReturnAddress].place = Place::kAtCfa;
  rules.registers[kReturnAddress].offset = -8;
  return rules;
}

void save_bp(Rules& rules, int64_t offset) {
  rules.registers[kRbp].place = Place::kAtCfa;
  rules.registers[kRbp].offset = offset;
}

TEST(Row, FromTheStackPointer) {
  Rules rules = plain(kRsp, 48);
  Row row = row_of(rules, false);
  EXPECT_EQ(row.kind, RowKind::kSp);
  EXPECT_EQ(row.cfa, 48);
  EXPECT_EQ(row.saved, SavedBp::kInRegister);
  save_bp(rules, -16);
  row = row_of(rules, false);
  EXPECT_EQ(row.saved, SavedBp::kNearCfa);
  EXPECT_EQ(row.bp, -16);
}

TEST(Row, FromTheFramePointer) {
  Rules rules = plain(kRbp, 16);
  save_bp(rules, -16);
  const Row row = row_of(rules, false);
  EXPECT_EQ(row.kind, RowKind::kBp);
  EXPECT_EQ(row.cfa, 16);
}

// What GCC writes for a frame that it aligns anew: the CFA is the word at rbp - 8, rbp lies where rbp points.
TEST(Row, OfARealignedFrame) {
  const uint8_t cfa[] = {0x76, 0x78, 0x06};
  const uint8_t bp[] = {0x76, 0x00};
  Rules rules = plain(kRsp, 0);
  rules.cfa_is_expression = true;
  rules.cfa_expression = {cfa, sizeof cfa};
  rules.registers[kRbp].place = Place::kAtExpression;
  rules.registers[kRbp].expression = bp;
  rules.registers[kRbp].size = sizeof bp;
  const Row row = row_of(rules, false);
  EXPECT_EQ(row.kind, RowKind::kBpDeref);
  EXPECT_EQ(row.cfa, -8);
  EXPECT_EQ(row.saved, SavedBp::kNearBp);
  EXPECT_EQ(row.bp, 0);
  rules.cfa_expression.size = 2;  // rbp - 8 itself
  EXPECT_EQ(row_of(rules, false).kind, RowKind::kFull);
}

TEST(Row, TheRestNeedsTheWholeRules) {
  EXPECT_EQ(row_of(plain(kRbx, 16), false).kind, RowKind::kFull);
  EXPECT_EQ(row_of(plain(kRsp, int64_t{1} << 40), false).kind, RowKind::kFull);
  EXPECT_EQ(row_of(plain(kRsp, 16), true).kind, RowKind::kFull) << "a signal's frame";
  Rules elsewhere = plain(kRsp, 16);
  elsewhere.registers[kReturnAddress].offset = -16;
  EXPECT_EQ(row_of(elsewhere, false).kind, RowKind::kFull);
  Rules moved = plain(kRsp, 16);
  moved.registers[kRsp].place = Place::kAtCfa;
  EXPECT_EQ(row_of(moved, false).kind, RowKind::kFull);
  Rules far = plain(kRsp, 16);
  save_bp(far, -(int64_t{1} << 30));
  EXPECT_EQ(row_of(far, false).kind, RowKind::kFull);
  Rules lost = plain(kRsp, 16);
  lost.registers[kRbp].place = Place::kUndefined;
  EXPECT_EQ(row_of(lost, false).kind, RowKind::kFull);
}

TEST(Row, TheOutermostFrame) {
  Rules rules = plain(kRsp, 8);
  rules.registers[kReturnAddress].place = Place::kUndefined;
  EXPECT_EQ(row_of(rules, false).kind, RowKind::kOutermost);
}

TEST(Row, PacksIntoAWord) {
  for (const auto kind : {RowKind::kUnknown, RowKind::kSp, RowKind::kFull}) {
    for (const auto saved : {SavedBp::kInRegister, SavedBp::kNearCfa, SavedBp::kNearBp}) {
      for (const int32_t cfa : {0, 8, -8, (1 << 23) - 1, -(1 << 23)}) {
        for (const int32_t bp : {0, 16, -16, (1 << 18) - 1, -(1 << 18)}) {
          for (const uint16_t module : {uint16_t{0}, uint16_t{1}, uint16_t{0xffff}}) {
            const Row row{kind, saved, cfa, bp, module};
            const Row back = Row::unpacked(row.packed());
            EXPECT_EQ(back.kind, kind);
            EXPECT_EQ(back.saved, saved);
            EXPECT_EQ(back.cfa, cfa);
            EXPECT_EQ(back.bp, bp);
            EXPECT_EQ(back.module, module);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace loam::stack
