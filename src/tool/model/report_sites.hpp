// Which sites a report names: those that matter most by any of the measures of the page. All others become one.
#pragma once

#include <cstdint>
#include <vector>

#include "tool/model/report_book.hpp"

namespace loam::tool {

struct SiteBudget {
  std::size_t sites = 4000;   // whose names are looked up
  std::size_t sums = 300000;  // site and bucket
};

struct ChosenSites {
  std::vector<ReportSite>
      sites;  // the most important first; where some were merged, the last is all of these
  std::vector<std::uint32_t> number;  // of a site of the book among those above
  std::size_t merged = 0;
};

ChosenSites choose_sites(const std::vector<ReportSite>& sites, const SiteBudget& budget);

}  // namespace loam::tool
