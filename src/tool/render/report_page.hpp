// The report page: the data of a report put into the page that is built into the tool (web/dist/report.html).
#pragma once

#include <string>
#include <string_view>

#include "tool/model/compare.hpp"
#include "tool/model/json_value.hpp"
#include "tool/model/report.hpp"

namespace loam::tool {

// What stands beside a recording, null where it was not given.
struct ReportBeside {
  Json policies;                           // of `loam replay --format json`
  Json findings;                           // of `loam check --format json`
  const Comparison* comparison = nullptr;  // with an earlier recording
};

// The data alone, as the page reads it.
std::string report_data(const Report& report, HeapEvents& events, const ReportBeside& beside);

// The page as it was built, without data.
std::string_view empty_page();
// With the data in it.
std::string report_page(std::string_view data);

}  // namespace loam::tool
