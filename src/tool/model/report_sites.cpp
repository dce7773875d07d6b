#include "tool/model/report_sites.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

namespace loam::tool {
namespace {

using Measures = std::array<double, 5>;

Measures measure(const ReportSite& site) {
  Measures out{};
  for (const SiteSums& sums : site.sums) {
    out[0] += static_cast<double>(sums.bytes);
    out[1] += static_cast<double>(sums.allocations);
    out[2] += static_cast<double>(sums.kept_bytes);
    out[3] += static_cast<double>(sums.temporary);
  }
  out[4] = static_cast<double>(site.peak_bytes);
  return out;
}

// The largest share of a site in the whole, by any measure.
std::vector<double> weights(const std::vector<ReportSite>& sites) {
  std::vector<Measures> all;
  Measures whole{};
  for (const ReportSite& site : sites) {
    all.push_back(measure(site));
    for (std::size_t i = 0; i < whole.size(); ++i) whole[i] += all.back()[i];
  }
  std::vector<double> out;
  for (const Measures& one : all) {
    double most = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (whole[i] > 0) most = std::max(most, one[i] / whole[i]);
    }
    out.push_back(most);
  }
  return out;
}

void add(SiteSums& sum, const SiteSums& more) {
  sum.allocations += more.allocations;
  sum.bytes += more.bytes;
  sum.frees += more.frees;
  sum.freed += more.freed;
  sum.temporary += more.temporary;
  sum.temporary_bytes += more.temporary_bytes;
  sum.life += more.life;
  sum.kept += more.kept;
  sum.kept_bytes += more.kept_bytes;
}

}  // namespace

ChosenSites choose_sites(const std::vector<ReportSite>& sites, const SiteBudget& budget) {
  std::vector<std::uint32_t> order(sites.size());
  std::iota(order.begin(), order.end(), 0U);
  const std::vector<double> weight = weights(sites);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return weight[a] > weight[b]; });
  ChosenSites out;
  out.number.resize(sites.size());
  ReportSite rest;
  std::map<std::uint32_t, SiteSums> rest_sums;
  std::size_t used = 0;
  for (const std::uint32_t i : order) {
    const ReportSite& site = sites[i];
    if (out.merged == 0 && out.sites.size() < budget.sites && used + site.sums.size() <= budget.sums) {
      used += site.sums.size();
      out.number[i] = static_cast<std::uint32_t>(out.sites.size());
      out.sites.push_back(site);
      continue;
    }
    out.number[i] = static_cast<std::uint32_t>(out.sites.size());
    ++out.merged;
    rest.live_bytes += site.live_bytes;
    rest.live_blocks += site.live_blocks;
    rest.peak_bytes += site.peak_bytes;
    rest.peak_blocks += site.peak_blocks;
    for (const SiteSums& sums : site.sums) add(rest_sums[sums.bucket], sums);
  }
  if (out.merged == 0) return out;
  for (auto& [bucket, sums] : rest_sums) {
    sums.bucket = bucket;
    rest.sums.push_back(sums);
  }
  out.sites.push_back(rest);
  return out;
}

}  // namespace loam::tool
