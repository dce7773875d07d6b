// A second reading of a recording, under the policy that the first one recommends: what would managers at some sites have saved, and
// what mappings of their own for big blocks.
#pragma once

#include <vector>

#include "tool/model/simulation.hpp"

namespace loam::tool {

// `source` is at its start. Where the first reading had no blocks apart, those from 128 KiB on are tried so.
ReplayAdvice advise(OperationSource& source, loam::detail::policy_kind kind, const ReplaySettings& settings,
                    const Demand& demand, std::vector<SiteAdvice> sites);

}  // namespace loam::tool
