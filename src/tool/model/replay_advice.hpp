// A second reading of a recording, under the policy that the first one recommends: what would managers at some sites have saved, and
// what mappings of their own for big blocks.
#pragma once

#include <vector>

#include "tool/model/simulation.hpp"

namespace loam::tool {

// `source` is at its start. `big`: of the first reading; where it had none, blocks from 128 KiB on are tried apart.
ReplayAdvice advise(OperationSource& source, loam::detail::policy_kind kind,
                    const loam::detail::policy_settings& settings, std::uint64_t big, const Demand& demand,
                    std::vector<SiteAdvice> sites);

}  // namespace loam::tool
