#include "scan/residency.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "runtime/heap_view.hpp"
#include "support/heap.hpp"

namespace {

using namespace loam;

TEST(Residency, CountsTouchedPagesOfABlock) {
  test::HeapUser user;
  constexpr uint64_t kBytes = uint64_t{8} << 20;
  auto* inside = static_cast<char*>(user.allocate(kBytes));
  auto* outside = static_cast<char*>(user.allocate(kBytes * 9));
  // Another test may have left its pages there.
  ASSERT_EQ(madvise(inside, kBytes, MADV_DONTNEED), 0);
  for (uint64_t i = 0; i < 100; ++i) inside[i * 8192] = outside[i * 8192] = 1;
  scan::Scratch scratch;
  scan::Residency residency;
  ASSERT_TRUE(residency.read(runtime::view_of_heap(), scratch));
  const auto start = reinterpret_cast<uint64_t>(inside);
  EXPECT_EQ(residency.bytes(start, start + 8192), 4096u);
  EXPECT_EQ(residency.bytes(start + 100, start + 4000), 3900u);
  EXPECT_EQ(residency.bytes(start, start + 100 * 8192), 100 * 4096u);
  const auto far = reinterpret_cast<uint64_t>(outside);
  EXPECT_EQ(residency.bytes(far, far + kBytes * 9), 100 * 4096u);
  user.release(inside);
  user.release(outside);
}

}  // namespace
