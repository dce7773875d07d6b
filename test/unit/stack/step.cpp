#include "stack/step.hpp"

#include <gtest/gtest.h>

namespace loam::stack {
namespace {

struct Fixture {
  uint64_t stack[8] = {10, 11, 12, 13, 14, 15, 0x5555, 17};
  Registers registers{};
  Rules rules;
  Memory memory;

  Fixture() {
    registers.set(kRsp, reinterpret_cast<uint64_t>(&stack[2]));
    registers.set(kReturnAddress, 0x4444);
    registers.set(kRbx, 77);
    rules.cfa_known = true;
    rules.cfa_register = kRsp;
    rules.cfa_offset = 40;
    rules.registers[kReturnAddress].place = Place::kAtCfa;
    rules.registers[kReturnAddress].offset = -8;
  }
  uint64_t cfa() const { return reinterpret_cast<uint64_t>(&stack[7]); }
};

TEST(Step, ToTheCaller) {
  Fixture f;
  f.rules.registers[kRbp].place = Place::kAtCfa;
  f.rules.registers[kRbp].offset = -16;
  EXPECT_EQ(apply(f.rules, f.registers, f.memory), Step::kCaller);
  EXPECT_EQ(f.registers.pc(), 0x5555u);
  EXPECT_EQ(f.registers.sp(), f.cfa());
  EXPECT_EQ(f.registers.bp(), 15u);
  EXPECT_EQ(f.registers.value[kRbx], 77u);
  EXPECT_FALSE(f.registers.has(12)) << "it was not known inside either";
}

TEST(Step, EveryKindOfPlace) {
  Fixture f;
  const uint8_t at[] = {0x23, 0};  // the CFA itself
  const uint8_t is[] = {0x08, 99};
  auto& rules = f.rules.registers;
  rules[0].place = Place::kCfaPlus;
  rules[0].offset = -24;
  rules[1].place = Place::kRegister;
  rules[1].offset = kRbx;
  rules[2].place = Place::kAtExpression;
  rules[2].expression = at;
  rules[2].size = sizeof at;
  rules[5].place = Place::kExpression;
  rules[5].expression = is;
  rules[5].size = sizeof is;
  rules[kRbx].place = Place::kUndefined;
  EXPECT_EQ(apply(f.rules, f.registers, f.memory), Step::kCaller);
  EXPECT_EQ(f.registers.value[0], f.cfa() - 24);
  EXPECT_EQ(f.registers.value[1], 77u);
  EXPECT_EQ(f.registers.value[2], 17u);
  EXPECT_EQ(f.registers.value[5], 99u);
  EXPECT_FALSE(f.registers.has(kRbx));
}

TEST(Step, TheOutermostFrame) {
  Fixture f;
  f.rules.registers[kReturnAddress].place = Place::kUndefined;
  EXPECT_EQ(apply(f.rules, f.registers, f.memory), Step::kOutermost);
  Fixture zero;
  zero.stack[6] = 0;
  EXPECT_EQ(apply(zero.rules, zero.registers, zero.memory), Step::kOutermost);
}

TEST(Step, FailsWhereNothingCanBeRead) {
  Fixture f;
  f.rules.cfa_register = 12;
  EXPECT_EQ(apply(f.rules, f.registers, f.memory), Step::kFailed) << "r12 is not known";
  Fixture g;
  g.registers.set(kRsp, 8);
  EXPECT_EQ(apply(g.rules, g.registers, g.memory), Step::kFailed);
  // A lost register that nobody needs does not end the walk.
  Fixture h;
  h.rules.registers[12].place = Place::kAtCfa;
  h.rules.registers[12].offset = -(int64_t{1} << 45);
  EXPECT_EQ(apply(h.rules, h.registers, h.memory), Step::kCaller);
}

}  // namespace
}  // namespace loam::stack
