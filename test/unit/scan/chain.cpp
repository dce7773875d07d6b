#include "scan/chain.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/heap_view.hpp"
#include "support/heap.hpp"

namespace {

using namespace loam;

class Chain : public testing::Test {
 protected:
  uint64_t* make(size_t bytes) {
    auto* block = static_cast<uint64_t*>(user.allocate(bytes));
    __builtin_memset(block, 0, bytes);
    made.push_back(block);
    return block;
  }
  void TearDown() override {
    for (void* block : made) user.release(block);
  }
  static uint64_t word(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

  void follow(const std::vector<uint64_t*>& roots) {
    ASSERT_TRUE(map.build(runtime::view_of_heap(), scratch));
    ASSERT_TRUE(readable.prepare(scratch, 1));
    ASSERT_TRUE(chain.prepare(scratch));
    for (uint64_t* root : roots) chain.add_range(word(root), word(root + 1));
    chain.follow();
  }
  bool is_held(const uint64_t* block) { return chain.is_held(map.find(word(block)).number); }
  uint64_t word_to(const uint64_t* block) { return chain.word_to(map.find(word(block)).number); }

  test::HeapUser user;
  std::vector<void*> made;
  scan::Scratch scratch;
  scan::BlockMap map;
  scan::Readable readable;
  scan::Chain chain{map, readable};
};

// A list, whose last element the root's other block leads to as well: by the shorter way.
TEST_F(Chain, NamesTheShortestWay) {
  uint64_t* list[5];
  for (auto& element : list) element = make(48);
  for (int i = 0; i < 4; ++i) list[i][3] = word(list[i + 1]);
  uint64_t* other = make(400);
  other[40] = word(list[4]) + 16;  // into its middle
  uint64_t* lost = make(48);
  uint64_t roots[2] = {word(list[0]), word(other)};
  follow({&roots[0], &roots[1]});
  EXPECT_EQ(word_to(list[0]), word(&roots[0]));
  EXPECT_EQ(word_to(other), word(&roots[1]));
  EXPECT_EQ(word_to(list[3]), word(&list[2][3]));
  EXPECT_EQ(word_to(list[4]), word(&other[40]));
  EXPECT_FALSE(is_held(lost));
  for (const uint64_t* element : list) EXPECT_TRUE(is_held(element));
}

TEST_F(Chain, ARegisterHasNoAddress) {
  uint64_t* block = make(64);
  ASSERT_TRUE(map.build(runtime::view_of_heap(), scratch));
  ASSERT_TRUE(readable.prepare(scratch, 1));
  ASSERT_TRUE(chain.prepare(scratch));
  chain.add_word(word(block));
  chain.follow();
  EXPECT_TRUE(is_held(block));
  EXPECT_EQ(word_to(block), 0u);
}

// Rings end, and large blocks are read where they hold anything.
TEST_F(Chain, RingsAndLargeBlocks) {
  uint64_t* large = make(3u << 20);
  uint64_t* element = make(64);
  large[200'000] = word(element);
  element[1] = word(large);
  uint64_t root = word(element);
  follow({&root});
  EXPECT_EQ(word_to(large), word(&element[1]));
  EXPECT_EQ(word_to(element), word(&root));
}

}  // namespace
