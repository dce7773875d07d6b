// A million random calls to each placement policy and to its textbook form, with up to 5,000 live blocks.
#include "support/policy_agreement.hpp"

namespace {

namespace detail = loam::detail;

class ManyCalls : public testing::TestWithParam<unsigned> {};

TEST_P(ManyCalls, AgreeWithTheTextbook) {
  loam::test::expect_agreement(static_cast<detail::policy_kind>(GetParam()), 1'000'000, 5'000);
}

INSTANTIATE_TEST_SUITE_P(Policies, ManyCalls, testing::Range(0u, detail::policy_kinds));

}  // namespace
