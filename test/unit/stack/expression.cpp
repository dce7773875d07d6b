#include "stack/expression.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace loam::stack {
namespace {

Registers some_registers() {
  Registers registers{};
  registers.set(kRsp, 0x1000);
  registers.set(kReturnAddress, 0x2001);
  return registers;
}

std::optional<uint64_t> run(const std::vector<uint8_t>& code, const Registers& registers,
                            std::optional<uint64_t> first = {}) {
  Memory memory;
  uint64_t out = 0;
  const Bytes bytes{code.data(), static_cast<uint32_t>(code.size())};
  if (!evaluate(bytes, registers, first ? &*first : nullptr, memory, out)) return {};
  return out;
}

std::optional<uint64_t> run(const std::vector<uint8_t>& code) { return run(code, some_registers()); }

TEST(Expression, ConstantsAndRegisters) {
  EXPECT_EQ(run({0x35}), 5u);
  EXPECT_EQ(run({0x08, 0xff}), 255u);
  EXPECT_EQ(run({0x09, 0xff}), ~uint64_t{0});
  EXPECT_EQ(run({0x77, 8}), 0x1008u);
  EXPECT_EQ(run({0x92, 7, 0x78}), 0xff8u);
  EXPECT_EQ(run({0x76, 0}), std::nullopt) << "rbp is not known";
  EXPECT_EQ(run({}, some_registers(), 42), 42u);
  EXPECT_EQ(run({}), std::nullopt);
}

// As linkers describe the entries of a PLT: one word further once its push is done, at eleven bytes.
TEST(Expression, ThePltsOwn) {
  const std::vector<uint8_t> plt = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
  Registers registers = some_registers();
  registers.set(kReturnAddress, 0x200a);
  EXPECT_EQ(run(plt, registers), 0x1008u);
  registers.set(kReturnAddress, 0x200b);
  EXPECT_EQ(run(plt, registers), 0x1010u);
}

TEST(Expression, Arithmetic) {
  EXPECT_EQ(run({0x37, 0x33, 0x1c}), 4u);
  EXPECT_EQ(run({0x37, 0x33, 0x1e}), 21u);
  EXPECT_EQ(run({0x37, 0x33, 0x1b}), 2u);
  EXPECT_EQ(run({0x37, 0x33, 0x1d}), 1u);
  EXPECT_EQ(run({0x37, 0x30, 0x1b}), std::nullopt) << "divided by zero";
  EXPECT_EQ(run({0x37, 0x30, 0x1d}), std::nullopt);
  EXPECT_EQ(run({0x31, 0x1f, 0x19}), 1u);
  EXPECT_EQ(run({0x31, 0x1f, 0x31, 0x26}), ~uint64_t{0});
  EXPECT_EQ(run({0x31, 0x08, 64, 0x24}), 0u);
  EXPECT_EQ(run({0x23, 1}), std::nullopt);
}

TEST(Expression, StackOrder) {
  EXPECT_EQ(run({0x31, 0x32, 0x16, 0x1c}), 1u) << "swap: 2 - 1";
  EXPECT_EQ(run({0x31, 0x32, 0x33, 0x17, 0x1c}), ~uint64_t{0}) << "rot makes 3 1 2: 1 - 2";
  EXPECT_EQ(run({0x31, 0x32, 0x14, 0x1c}), 1u) << "over: 2 - 1";
  EXPECT_EQ(run({0x31, 0x32, 0x15, 1, 0x1c}), 1u) << "pick";
  EXPECT_EQ(run({0x31, 0x32, 0x13}), 1u);
  EXPECT_EQ(run({0x13}), std::nullopt);
}

TEST(Expression, ReadsOnlyWhatCanBeRead) {
  const uint64_t word = 0x1234567890;
  Registers registers = some_registers();
  registers.set(kRbp, reinterpret_cast<uint64_t>(&word));
  EXPECT_EQ(run({0x76, 0, 0x06}, registers), word);
  EXPECT_EQ(run({0x76, 0, 0x94, 2}, registers), word & 0xffff);
  EXPECT_EQ(run({0x30, 0x06}), std::nullopt);
  EXPECT_EQ(run({0x09, 0xff, 0x06}), std::nullopt);
  EXPECT_EQ(run({0x76, 0, 0x94, 9}, registers), std::nullopt);
}

TEST(Expression, Ends) {
  EXPECT_EQ(run({0x2f, 0xfd, 0xff}), std::nullopt) << "an endless loop";
  EXPECT_EQ(run({0x31, 0x28, 0x01, 0x00, 0x06, 0x35}), 5u) << "a branch over a bad read";
  EXPECT_EQ(run({0x2f, 0x70, 0xff}), std::nullopt) << "a jump before the start";
  EXPECT_EQ(run(std::vector<uint8_t>(100, 0x31)), std::nullopt) << "more than the stack holds";
}

}  // namespace
}  // namespace loam::stack
