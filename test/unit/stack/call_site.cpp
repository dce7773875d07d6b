#include "stack/call_site.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace loam::stack {
namespace {

bool after(std::vector<uint8_t> code) {
  code.insert(code.begin(), 16, 0x90);
  Memory memory;
  return follows_call(reinterpret_cast<uint64_t>(code.data() + code.size()), memory);
}

TEST(CallSite, KnowsEveryFormOfCall) {
  EXPECT_TRUE(after({0xe8, 1, 2, 3, 4}));
  EXPECT_TRUE(after({0xff, 0xd0})) << "call *%rax";
  EXPECT_TRUE(after({0x41, 0xff, 0xd3})) << "call *%r11";
  EXPECT_TRUE(after({0xff, 0x50, 0x18})) << "call *24(%rax)";
  EXPECT_TRUE(after({0xff, 0x15, 1, 2, 3, 4})) << "call *name(%rip)";
  EXPECT_TRUE(after({0xff, 0x94, 0xc8, 1, 2, 3, 4})) << "call *disp(%rax,%rcx,8)";
}

TEST(CallSite, NothingElse) {
  EXPECT_FALSE(after({0x90}));
  EXPECT_FALSE(after({0xff, 0xe0})) << "jmp *%rax";
  EXPECT_FALSE(after({0xe9, 1, 2, 3, 4}));
  Memory memory;
  for (const uint64_t address : {uint64_t{0}, uint64_t{5}, uint64_t{100}, ~uint64_t{0}})
    EXPECT_FALSE(follows_call(address, memory));
}

}  // namespace
}  // namespace loam::stack
