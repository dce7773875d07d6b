#include "base/pair.hpp"

#include <gtest/gtest.h>

namespace loam::base {
namespace {

TEST(Pair, GoesInAndOutAtAnyAddress) {
  char bytes[64] = {};
  for (size_t at = 0; at < 48; ++at) {
    store(bytes + at, Pair{at, ~at});
    EXPECT_TRUE(is_zero(load(bytes + at) ^ Pair{at, ~at}));
  }
}

TEST(Pair, IsZeroOnlyIfBothHalvesAre) {
  EXPECT_TRUE(is_zero(pair_of(0)));
  EXPECT_FALSE(is_zero(Pair{1, 0}));
  EXPECT_FALSE(is_zero(Pair{0, uint64_t{1} << 63}));
}

}  // namespace
}  // namespace loam::base
