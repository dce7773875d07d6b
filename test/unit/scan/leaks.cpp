#include "scan/leaks.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "runtime/heap_view.hpp"
#include "support/heap.hpp"

namespace {

using namespace loam;
using scan::LeakKind;

class Leaks : public testing::Test {
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

  struct Entry {
    LeakKind kind;
    uint64_t owner;
    uint64_t parent;
  };

  // What is reached from `roots`, and then from `weak`, is not lost, or only looks so.
  void sort(const std::vector<uint64_t*>& roots, const std::vector<uint64_t*>& weak) {
    ASSERT_TRUE(map.build(runtime::view_of_heap(), scratch));
    ASSERT_TRUE(readable.prepare(scratch, 1));
    scan::BlockSet open = map.copy(map.live(), scratch);
    scan::Marker marker(map, open, &readable);
    ASSERT_TRUE(marker.prepare(scratch));
    for (uint64_t* root : roots) marker.add_word(word(root));
    marker.drain();
    scan::BlockSet lost = map.copy(open, scratch);
    for (uint64_t* root : weak) marker.add_word(word(root));
    marker.drain();
    scan::Leaks leaks(map, readable);
    ASSERT_TRUE(leaks.sort(lost, open, scratch));
    for (uint32_t i = 0; i < leaks.count(); ++i) {
      const scan::Leak& leak = leaks.at(i);
      found[address(leak.number)] = {leak.kind, address(leaks.at(leak.owner).number),
                                     address(leaks.at(leak.parent).number)};
    }
  }
  uint64_t address(uint32_t number) const {
    const scan::BlockMap::Block block = map.at(number);
    return map.address(*block.span, block.index);
  }
  void expect(uint64_t* block, LeakKind kind, uint64_t* owner, uint64_t* parent) {
    ASSERT_EQ(found.count(word(block)), 1u);
    EXPECT_EQ(found[word(block)].kind, kind);
    EXPECT_EQ(found[word(block)].owner, word(owner));
    EXPECT_EQ(found[word(block)].parent, word(parent));
  }

  test::HeapUser user;
  std::vector<void*> made;
  scan::Scratch scratch;
  scan::BlockMap map;
  scan::Readable readable;
  std::map<uint64_t, Entry> found;
};

TEST_F(Leaks, HeadsAndWhatHangsOnThem) {
  uint64_t* kept = make(64);
  uint64_t* head = make(64);
  uint64_t* middle = make(640);
  uint64_t* end = make(64);
  head[1] = word(middle) + 8;
  head[2] = word(kept);  // to what is alive: nothing
  middle[70] = word(end);
  sort({kept}, {});
  EXPECT_EQ(found.size(), 3u);
  expect(head, LeakKind::kDefinite, head, head);
  expect(middle, LeakKind::kIndirect, head, head);
  expect(end, LeakKind::kIndirect, head, middle);
}

TEST_F(Leaks, RingsHaveOneHead) {
  uint64_t* a = make(48);
  uint64_t* b = make(48);
  uint64_t* c = make(48);
  uint64_t* itself = make(48);
  a[0] = word(b);
  b[0] = word(c);
  c[0] = word(a);
  itself[0] = word(itself);
  sort({}, {});
  unsigned heads = 0;
  for (uint64_t* block : {a, b, c}) heads += found[word(block)].kind == LeakKind::kDefinite ? 1u : 0u;
  EXPECT_EQ(heads, 1u);
  expect(itself, LeakKind::kDefinite, itself, itself);
}

TEST_F(Leaks, WhatOnlyAWeakRootHoldsIsAClassOfItsOwn) {
  uint64_t* weak = make(48);
  uint64_t* behind = make(48);
  uint64_t* lost = make(48);
  weak[0] = word(behind);
  lost[0] = word(behind);  // a lost block holds nothing
  sort({}, {weak});
  expect(weak, LeakKind::kDeadSlot, weak, weak);
  expect(behind, LeakKind::kDeadSlotIndirect, weak, weak);
  expect(lost, LeakKind::kDefinite, lost, lost);
}

TEST_F(Leaks, CountsWhatIsReachable) {
  uint64_t* a = make(48);
  uint64_t* b = make(48);
  uint64_t* large = make(100'000);
  a[0] = word(b);
  b[1] = word(large);
  sort({a}, {});
  EXPECT_TRUE(found.empty());
  scan::Leaks leaks(map, readable);
  ASSERT_TRUE(leaks.sort(map.copy(scan::BlockSet(map.live()), scratch), map.live(), scratch));
  EXPECT_EQ(leaks.count(), map.live_blocks());
  EXPECT_EQ(leaks.reachable(2).blocks, 0u);
}

}  // namespace
