// The fast forms of the policies against the textbook's, a few thousand calls each; the full test set has a million.
#include "support/policy_agreement.hpp"

namespace {

namespace detail = loam::detail;
using detail::policy_kind;

class Policies : public testing::TestWithParam<unsigned> {
 protected:
  policy_kind kind() const { return static_cast<policy_kind>(GetParam()); }
};

TEST_P(Policies, AgreeWithTheTextbook) { loam::test::expect_agreement(kind(), 20'000, 300); }

INSTANTIATE_TEST_SUITE_P(All, Policies, testing::Range(0u, detail::policy_kinds));

}  // namespace
