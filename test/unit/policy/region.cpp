// What holds for a region under any policy: no two blocks overlap, each has its alignment, whatever header is asked for; and when
// all are free again, one free block is left. Gaps in the addresses and a source that gives no more are part of it.
#include <gtest/gtest.h>

#include <map>

#include "support/policy_agreement.hpp"

namespace {

namespace detail = loam::detail;
using detail::policy_kind;

// Jumps over what somebody else has mapped now and then, and ends.
struct Source {
  std::uint64_t limit;
  unsigned calls = 0;
  static std::uint64_t extend(void* self, std::uint64_t end, std::uint64_t bytes) {
    auto& source = *static_cast<Source*>(self);
    const std::uint64_t at = ++source.calls % 3 == 0 ? end + 3 * loam::test::kPageBytes : end;
    return at + bytes > source.limit ? 0 : at;
  }
  static bool shrink(void*, std::uint64_t, std::uint64_t) { return true; }
};

class Regions : public testing::TestWithParam<unsigned> {
 protected:
  policy_kind kind() const { return static_cast<policy_kind>(GetParam()); }
};

template <class Policy>
class Model {
 public:
  Model(policy_kind kind, std::size_t header, std::uint64_t room)
      : source_{loam::test::kFirstAddress + room} {
    settings_ = loam::test::settings_of(kind);
    settings_.header = header;
    region_.open(settings_, {&source_, Source::extend, Source::shrink}, detail::map_table,
                 loam::test::kFirstAddress);
  }
  ~Model() { region_.close(); }

  void allocate(std::size_t bytes, std::size_t alignment) {
    const std::uint64_t address = region_.allocate(bytes, alignment);
    if (address == 0) {
      ++refused_;
      return;
    }
    ASSERT_EQ(address % std::max<std::size_t>(alignment, settings_.alignment), 0u);
    const std::size_t size = region_.size_of(address);
    ASSERT_GE(size, bytes);
    const auto above = live_.lower_bound(address - settings_.header);
    ASSERT_TRUE(above == live_.end() || address + size <= above->first - settings_.header);
    ASSERT_TRUE(above == live_.begin() ||
                std::prev(above)->first + std::prev(above)->second <= address - settings_.header);
    live_[address] = size;
  }
  void release(loam::test::Random& random) {
    if (live_.empty()) return;
    const auto chosen = std::next(live_.begin(), static_cast<long>(random.below(live_.size())));
    const std::uint64_t address = chosen->first;
    const std::uint64_t inside = address + random.below(chosen->second);
    const detail::policy_block found = region_.find(inside);
    ASSERT_EQ(found.address, address);
    ASSERT_EQ(found.bytes, chosen->second);
    ASSERT_TRUE(found.live);
    ASSERT_TRUE(inside == address || !region_.release(inside)) << "an interior pointer";
    ASSERT_TRUE(region_.release(address));
    ASSERT_FALSE(region_.is_live(address));
    live_.erase(chosen);
  }
  void release_all() {
    for (const auto& [address, size] : live_) ASSERT_TRUE(region_.release(address));
    live_.clear();
  }

  std::uint64_t refused() const { return refused_; }

 private:
  Source source_;
  detail::policy_settings settings_;
  detail::policy_region<Policy> region_;
  std::map<std::uint64_t, std::size_t> live_;
  std::uint64_t refused_ = 0;
};

TEST_P(Regions, KeepBlocksApart) {
  const std::uint64_t seed = loam::test::chosen_seed();
  SCOPED_TRACE("LOAM_SEED=" + std::to_string(seed));
  for (const std::size_t header : {0u, 8u, 16u, 24u}) {
    detail::with_policy(kind(), [&](auto* policy) {
      Model<std::remove_pointer_t<decltype(policy)>> model(kind(), header, std::uint64_t{256} << 10);
      loam::test::Random random{seed};
      for (int i = 0; i < 4000 && !testing::Test::HasFatalFailure(); ++i) {
        if (random.below(9) < 5)
          model.allocate(random.size(), random.alignment());
        else
          model.release(random);
      }
      EXPECT_GT(model.refused(), 0u) << "the source never ended: nothing is said of what happens then";
      model.release_all();
    });
  }
}

TEST_P(Regions, AreOneFreeBlockWhenAllIsFree) {
  detail::with_policy(kind(), [&](auto* policy) {
    detail::policy_region<std::remove_pointer_t<decltype(policy)>> region;
    detail::policy_settings settings = loam::test::settings_of(kind());
    settings.shrink_above = 0;
    // A buddy's region is one block only if it is a power of two.
    settings.grow_step = std::size_t{8} << 20;
    region.open(settings, loam::test::bare_addresses(), detail::map_table, loam::test::kFirstAddress);
    loam::test::Random random{loam::test::chosen_seed()};
    std::vector<std::uint64_t> live;
    for (int i = 0; i < 2000; ++i) live.push_back(region.allocate(1 + random.below(300)));
    std::shuffle(live.begin(), live.end(), random.engine);
    for (const std::uint64_t address : live) EXPECT_TRUE(region.release(address));
    EXPECT_EQ(region.counters().free_blocks, 1u);
    EXPECT_EQ(region.largest_free(), settings.grow_step);
    EXPECT_GE(region.counters().merges, region.counters().splits);
    region.close();
  });
}

TEST_P(Regions, GiveTheirEndBack) {
  detail::with_policy(kind(), [&](auto* policy) {
    detail::policy_region<std::remove_pointer_t<decltype(policy)>> region;
    region.open(loam::test::settings_of(kind()), loam::test::bare_addresses(), detail::map_table,
                loam::test::kFirstAddress);
    std::vector<std::uint64_t> live;
    for (int i = 0; i < 1000; ++i) live.push_back(region.allocate(1000));
    const std::uint64_t peak = region.end();
    for (const std::uint64_t address : live) region.release(address);
    EXPECT_LT(region.end() - region.begin(), (peak - region.begin()) / 2);
    EXPECT_GT(region.counters().shrinks, 0u);
    EXPECT_NE(region.allocate(100), 0u);
    region.close();
  });
}

TEST_P(Regions, KnowNoOtherAddress) {
  detail::with_policy(kind(), [&](auto* policy) {
    detail::policy_region<std::remove_pointer_t<decltype(policy)>> region;
    region.open(loam::test::settings_of(kind()), loam::test::bare_addresses(), detail::map_table,
                loam::test::kFirstAddress);
    EXPECT_FALSE(region.is_live(loam::test::kFirstAddress)) << "nothing has been allocated";
    const std::uint64_t block = region.allocate(100);
    for (const std::uint64_t address :
         {std::uint64_t{0}, std::uint64_t{1}, block - 1, block + 1, block + 8, block + 16, block - 16,
          region.end(), region.end() + 16, ~std::uint64_t{0}, ~std::uint64_t{15}, std::uint64_t{1} << 63}) {
      EXPECT_FALSE(region.release(address)) << address;
      EXPECT_TRUE(address == block + 1 || address == block + 8 || address == block + 16 ||
                  !region.find(address).live);
    }
    EXPECT_TRUE(region.release(block));
    EXPECT_EQ(region.allocate(std::size_t{1} << 60), 0u);
    EXPECT_EQ(region.allocate(~std::size_t{0}), 0u);
    region.close();
  });
}

INSTANTIATE_TEST_SUITE_P(All, Regions, testing::Range(0u, detail::policy_kinds));

}  // namespace
