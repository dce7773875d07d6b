// What differs from an earlier recording, as columns of a report page.
#pragma once

#include "tool/model/compare.hpp"
#include "tool/model/json_value.hpp"
#include "tool/render/report_columns.hpp"
#include "tool/render/report_frames.hpp"

namespace loam::tool {

// The part of the head that goes with them.
Json write_comparison(const Comparison& comparison, ReportFrames& frames, ReportColumns& out);

}  // namespace loam::tool
