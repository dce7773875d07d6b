#include "tool/render/report_compare.hpp"

#include <algorithm>
#include <string>

namespace loam::tool {
namespace {

constexpr std::size_t kMostSites = 4000;

struct Figure {
  const char* name;
  std::uint64_t HeapSums::* member;
};
constexpr Figure kFigures[] = {{"live", &HeapSums::live_bytes},
                               {"peak", &HeapSums::peak_bytes},
                               {"bytes", &HeapSums::bytes},
                               {"allocations", &HeapSums::allocations},
                               {"temporary", &HeapSums::temporary}};

// The largest share of a site in what the whole heap had before or after, by any figure.
double weight(const ComparedSite& site, const Comparison& comparison) {
  double most = 0;
  for (const Figure& figure : kFigures) {
    const auto whole =
        static_cast<double>(comparison.before.whole.*figure.member + comparison.after.whole.*figure.member);
    const auto own = static_cast<double>(site.before.*figure.member + site.after.*figure.member);
    if (whole > 0) most = std::max(most, own / whole);
  }
  return most;
}

Json totals_json(const HeapSums& sums) {
  Json out;
  for (const Figure& figure : kFigures) out[figure.name] = sums.*figure.member;
  return out;
}

}  // namespace

Json write_comparison(const Comparison& comparison, ReportFrames& frames, ReportColumns& out) {
  std::vector<const ComparedSite*> sites;
  for (const ComparedSite& site : comparison.sites) sites.push_back(&site);
  std::stable_sort(sites.begin(), sites.end(), [&](const ComparedSite* a, const ComparedSite* b) {
    return weight(*a, comparison) > weight(*b, comparison);
  });
  const std::size_t left_out = sites.size() - std::min(sites.size(), kMostSites);
  sites.resize(sites.size() - left_out);
  out.numbers_of("compare.node", sites,
                 [&](const ComparedSite* s) { return std::uint64_t{frames.add(s->frames)}; });
  out.numbers_of("compare.label", sites,
                 [&](const ComparedSite* s) { return std::uint64_t{frames.label(s->frames)}; });
  for (const Figure& figure : kFigures) {
    const std::string name = figure.name;
    out.numbers_of("compare.old." + name, sites,
                   [&](const ComparedSite* s) { return s->before.*figure.member; });
    out.numbers_of("compare.new." + name, sites,
                   [&](const ComparedSite* s) { return s->after.*figure.member; });
  }
  return {{"name", comparison.before.facts.name},
          {"program", comparison.before.facts.program},
          {"rebuilt", comparison.rebuilt},
          {"before", totals_json(comparison.before.whole)},
          {"after", totals_json(comparison.after.whole)},
          {"has_sites", comparison.has_sites},
          {"left_out", left_out}};
}

}  // namespace loam::tool
