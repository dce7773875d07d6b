#include "check/layout.hpp"

#include <gtest/gtest.h>

namespace loam::check {
namespace {

constexpr uint64_t kSecret = 0x1234'5678'9abc'def0u;

TEST(Layout, CanaryIsTheSameWhereverItIsLookedAtFrom) {
  alignas(16) char memory[96] = {};
  const uint64_t word = canary_word(kSecret, memory);
  for (size_t size = 0; size < 40; ++size) {
    const Extent tail = tail_extent(memory, size, memory + 96);
    write_canary(tail, word);
    EXPECT_EQ(find_damage(tail, word), nullptr) << size;
    // The last word is the same in each life of the memory.
    EXPECT_EQ(find_damage({memory + 48, 16}, word), nullptr) << size;
  }
}

TEST(Layout, EachDamagedByteIsSeen) {
  alignas(16) char memory[64] = {};
  const uint64_t word = canary_word(kSecret, memory);
  for (size_t size = 0; size <= 56; ++size) {
    const Extent tail = tail_extent(memory, size, memory + 64);
    for (size_t at = size; at < 64; ++at) {
      write_canary(tail, word);
      memory[at] = static_cast<char>(memory[at] ^ 1);
      const char* last = nullptr;
      EXPECT_EQ(find_damage(tail, word, &last), memory + at);
      EXPECT_EQ(last, memory + at);
    }
  }
}

// At any size: the first byte behind a block may be any byte of the word.
TEST(Layout, NoByteOfTheWordIsTextOrZero) {
  for (uint64_t i = 0; i < 1000; ++i) {
    const uint64_t word = canary_word(i * 77, reinterpret_cast<const char*>(i * 4096));
    for (unsigned byte = 0; byte < 8; ++byte) EXPECT_GE(word >> (8 * byte) & 0xff, 0x80u);
  }
}

TEST(Layout, SizesThatOverflow) {
  EXPECT_EQ(memory_for(0), kWord);
  EXPECT_EQ(memory_for(~size_t{0}), 0u);
  EXPECT_EQ(memory_for(~size_t{0} - kWord), ~size_t{0});
}

}  // namespace
}  // namespace loam::check
