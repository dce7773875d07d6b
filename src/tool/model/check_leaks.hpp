// What was lost when the processes of a `loam check` ended, as findings: one for each class of leak and each stack that allocated.
#pragma once

#include <string>

#include "tool/model/check_report.hpp"

namespace loam::tool {

// kDefinite: what no pointer leads to, with what hangs on it; kAll: also what only a dead-looking place or perhaps a register points to, what hangs on
// lost blocks as findings of their own, and how much is reachable.
enum class LeakWish : std::uint8_t { kNo, kDefinite, kAll };

// Adds the findings of all processes that left something in the folder, biggest first.
void add_leaks(CheckReport& report, const std::string& folder, LeakWish wish,
               const Suppressions& suppressions, Symbols& symbols);

}  // namespace loam::tool
