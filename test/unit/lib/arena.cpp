#include <gtest/gtest.h>
#include <loam/arena.hpp>
#include <loam/arena_resource.hpp>

#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace loam {
namespace {

// An upstream that counts, and throws when it is told to.
class counting_resource : public std::pmr::memory_resource {
 public:
  std::size_t live = 0;
  std::size_t calls = 0;
  bool fails = false;

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (fails) throw std::bad_alloc();
    ++calls;
    live += bytes;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    live -= bytes;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

struct noted {
  noted(std::vector<int>& to, int value) : order(to), number(value) {}
  ~noted() { order.push_back(number); }
  std::vector<int>& order;
  int number;
};

TEST(Arena, TakesNothingBeforeItIsUsed) {
  counting_resource upstream;
  {
    arena memory(4096, &upstream);
    EXPECT_EQ(upstream.calls, 0u);
    EXPECT_EQ(memory.reserved(), 0u);
    EXPECT_NE(memory.allocate(0), memory.allocate(0));
    EXPECT_EQ(upstream.calls, 1u);
  }
  EXPECT_EQ(upstream.live, 0u);
}

TEST(Arena, GivesAligned) {
  arena memory(256);
  for (std::size_t alignment = 1; alignment <= 8192; alignment *= 2) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{24}, std::size_t{5000}}) {
      auto* block = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u);
      std::memset(block, 0xa5, bytes);
      EXPECT_TRUE(memory.owns(block));
      EXPECT_TRUE(memory.owns(block + bytes - 1));
    }
  }
  int elsewhere = 0;
  EXPECT_FALSE(memory.owns(&elsewhere));
  EXPECT_FALSE(memory.owns(nullptr));
}

// The fast path compares with what is left in a chunk: an end that is no multiple of 16 would let it wrap.
TEST(Arena, StaysInItsChunksWhateverTheirSize) {
  for (const std::size_t first : {std::size_t{257}, std::size_t{4'097}, std::size_t{2'000'001}}) {
    counting_resource upstream;
    arena memory(first, &upstream);
    for (std::size_t taken = 0; taken < 5 * first; taken += 16) {
      static_cast<void>(memory.allocate(1));
      ASSERT_GE(upstream.live, taken) << "chunks from " << first;
    }
    static_cast<void>(memory.allocate(std::size_t{3} << 20));
    ASSERT_GE(upstream.live, std::size_t{3} << 20);
  }
}

TEST(Arena, RefusesWhatCannotBe) {
  arena memory;
  EXPECT_THROW(static_cast<void>(memory.allocate(SIZE_MAX)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(memory.allocate(SIZE_MAX - 4096)), std::bad_alloc);
  static_cast<void>(memory.allocate(16));
  EXPECT_THROW(static_cast<void>(memory.allocate(SIZE_MAX - 64, 64)), std::bad_alloc);
  EXPECT_THROW(memory.make_array<double>(SIZE_MAX / 4), std::bad_array_new_length);
  EXPECT_NE(memory.allocate(16), nullptr);
}

TEST(Arena, RunsDestructorsNewestFirst) {
  std::vector<int> order;
  {
    arena memory;
    memory.make<noted>(order, 1);
    memory.make<int>(7);
    memory.make<noted>(order, 2);
    {
      arena::scope inner(memory);
      memory.make<noted>(order, 3);
    }
    EXPECT_EQ(order, (std::vector<int>{3}));
    auto* texts = memory.make_array<std::string>(3);
    texts[1] = std::string(1000, 'x');
  }
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1}));
}

TEST(Arena, ForgetsAnObjectWhoseConstructorThrew) {
  struct thrower {
    thrower() { throw 1; }
    ~thrower() { ADD_FAILURE() << "never constructed"; }
  };
  arena memory;
  EXPECT_THROW(memory.make<thrower>(), int);
  memory.reset();
}

TEST(Arena, RewindsToWhereItWas) {
  counting_resource upstream;
  arena memory(256, &upstream);
  auto* before = static_cast<char*>(memory.allocate(64));
  std::memset(before, 1, 64);
  const arena::mark here = memory.now();
  auto* first = memory.allocate(64);
  for (int i = 0; i < 1000; ++i) static_cast<void>(memory.allocate(100));
  memory.rewind(here);
  EXPECT_EQ(memory.allocate(64), first);
  EXPECT_EQ(before[63], 1);
  EXPECT_LT(upstream.live, std::size_t{2} << 20);
  memory.release();
  EXPECT_EQ(upstream.live, 0u);
  EXPECT_NE(memory.allocate(64), nullptr);
}

TEST(Arena, KeepsOneChunkForTheNextRound) {
  counting_resource upstream;
  arena memory(4096, &upstream);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 100; ++i) static_cast<void>(memory.allocate(1000));
    memory.reset();
  }
  // The chunk that holds a whole round is found within a few rounds.
  EXPECT_LT(upstream.calls, 20u);
}

TEST(Arena, ResizesTheLastBlock) {
  arena memory(4096);
  void* first = memory.allocate(64);
  void* last = memory.allocate(64);
  EXPECT_FALSE(memory.resize_last(first, 64, 128));
  EXPECT_TRUE(memory.resize_last(last, 64, 1024));
  EXPECT_FALSE(memory.resize_last(last, 1024, 8192));
  EXPECT_FALSE(memory.resize_last(last, 1024, SIZE_MAX));
  EXPECT_TRUE(memory.resize_last(last, 1024, 16));
  memory.give_back(last, 16);
  EXPECT_EQ(memory.allocate(64), last);
}

// The ordinary alignment goes by a word of its own, which has to follow each move of the other.
TEST(Arena, LosesNothingBetweenBlocksOfOddSizes) {
  arena memory(4096);
  auto* first = static_cast<std::byte*>(memory.allocate(16));
  const auto offset = [&](const void* block) { return static_cast<const std::byte*>(block) - first; };
  EXPECT_EQ(offset(memory.allocate(3)), 16);
  EXPECT_EQ(offset(memory.copy("12").data()), 19);
  EXPECT_EQ(offset(memory.make<int>(1)), 24);
  EXPECT_EQ(offset(memory.make<double>(1)), 32);
  const arena::mark here = memory.now();
  EXPECT_EQ(offset(memory.allocate(17)), 48);
  void* last = memory.allocate(1, 1);
  EXPECT_EQ(offset(last), 65);
  EXPECT_TRUE(memory.resize_last(last, 1, 16));
  EXPECT_EQ(offset(memory.allocate(1)), 96);
  memory.give_back(first + 96, 1);
  EXPECT_EQ(offset(memory.allocate(1)), 96);
  memory.rewind(here);
  EXPECT_EQ(offset(memory.allocate(1, 8)), 40);
}

TEST(Arena, IsAsBeforeWhenUpstreamThrows) {
  counting_resource upstream;
  arena memory(256, &upstream);
  auto* block = static_cast<char*>(memory.allocate(100));
  std::memset(block, 3, 100);
  upstream.fails = true;
  EXPECT_THROW(static_cast<void>(memory.allocate(1000)), std::bad_alloc);
  EXPECT_TRUE(memory.owns(block));
  EXPECT_EQ(block[99], 3);
  upstream.fails = false;
  EXPECT_NE(memory.allocate(1000), nullptr);
}

TEST(Arena, ServesContainersAndPmr) {
  arena memory;
  std::vector<int, arena_allocator<int>> numbers{arena_allocator<int>(memory)};
  for (int i = 0; i < 10'000; ++i) numbers.push_back(i);
  EXPECT_EQ(numbers[9'999], 9'999);
  arena_resource resource(memory);
  arena_resource same(memory);
  EXPECT_TRUE(resource.is_equal(same));
  EXPECT_FALSE(resource.is_equal(*std::pmr::new_delete_resource()));
  std::pmr::map<int, std::pmr::string> names(&resource);
  for (int i = 0; i < 100; ++i) names.emplace(i, std::string(100, static_cast<char>('a' + i % 26)));
  EXPECT_EQ(names.at(27)[99], 'b');
}

TEST(InlineArena, UsesItsOwnBytesFirst) {
  counting_resource upstream;
  {
    inline_arena<128> memory(&upstream);
    void* block = memory.allocate(100);
    EXPECT_GE(block, static_cast<void*>(&memory));
    EXPECT_LT(block, static_cast<void*>(&memory + 1));
    EXPECT_TRUE(memory.owns(block));
    EXPECT_EQ(upstream.calls, 0u);
    static_cast<void>(memory.allocate(100));
    EXPECT_EQ(upstream.calls, 1u);
    memory.reset();
    EXPECT_EQ(memory.allocate(100), block);
  }
  EXPECT_EQ(upstream.live, 0u);
}

TEST(Scratch, NestsInTheThreadsArena) {
  scratch outer;
  auto* first = static_cast<char*>(outer.allocate(100));
  std::memset(first, 1, 100);
  void* second;
  {
    scratch inner;
    second = inner.allocate(100'000);
  }
  scratch again;
  static_cast<void>(again.allocate(100));
  EXPECT_EQ(first[99], 1);
  EXPECT_FALSE(second == nullptr);
  std::thread other([&] {
    scratch theirs;
    EXPECT_FALSE(thread_arena().owns(first));
    EXPECT_NE(theirs.allocate(10), nullptr);
  });
  other.join();
}

// Against a plain model: live intervals never overlap, keep their bytes, and a rewind takes exactly the newer ones.
TEST(Arena, AgreesWithAModel) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  struct block {
    unsigned char* start;
    std::size_t bytes;
    unsigned char value;
  };
  struct level {
    arena::mark mark;
    std::size_t blocks;
  };
  counting_resource upstream;
  {
    arena memory(512, &upstream);
    std::vector<block> blocks;
    std::vector<level> levels;
    for (int step = 0; step < 20'000; ++step) {
      const auto choice = static_cast<unsigned>(random() % 100);
      if (choice < 80) {
        const std::size_t bytes = random() % (choice < 2 ? 100'000 : 300);
        const std::size_t alignment = std::size_t{1} << random() % 9;
        const auto value = static_cast<unsigned char>(random());
        auto* start = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(start) % alignment, 0u);
        std::memset(start, value, bytes);
        blocks.push_back({start, bytes, value});
      } else if (choice < 90) {
        levels.push_back({memory.now(), blocks.size()});
      } else if (!levels.empty()) {
        const std::size_t to = random() % levels.size();
        for (std::size_t i = 0; i < levels[to].blocks; ++i) {
          for (std::size_t at = 0; at < blocks[i].bytes; at += 37)
            ASSERT_EQ(blocks[i].start[at], blocks[i].value);
        }
        memory.rewind(levels[to].mark);
        blocks.resize(levels[to].blocks);
        levels.resize(to);
      }
    }
    for (const block& each : blocks) {
      for (std::size_t at = 0; at < each.bytes; ++at) ASSERT_EQ(each.start[at], each.value);
    }
  }
  EXPECT_EQ(upstream.live, 0u);
}

}  // namespace
}  // namespace loam
