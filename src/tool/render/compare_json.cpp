#include "tool/model/json_value.hpp"
#include "tool/render/compare.hpp"
#include "tool/render/frames.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

Json sums_json(const HeapSums& sums) {
  return {{"allocations", sums.allocations}, {"bytes", sums.bytes},
          {"peak_bytes", sums.peak_bytes},   {"peak_blocks", sums.peak_blocks},
          {"live_bytes", sums.live_bytes},   {"live_blocks", sums.live_blocks},
          {"temporary", sums.temporary},     {"temporary_bytes", sums.temporary_bytes}};
}

Json recording_json(const std::string& name, const ComparedRecording& recording) {
  return {{"file", name},
          {"program", recording.facts.program},
          {"pid", recording.facts.pid},
          {"ending", recording.facts.ending},
          {"events", recording.events},
          {"stacks", recording.facts.has_stacks},
          {"remarks", recording.facts.remarks},
          {"totals", sums_json(recording.whole)}};
}

Json site_json(const ComparedSite& site, CompareBy by) {
  Json frames = Json::array();
  for (const SourceFrame& frame : site.frames) frames.push_back(frame_json(frame));
  const auto difference = static_cast<std::int64_t>(figure_of(site.after, by)) -
                          static_cast<std::int64_t>(figure_of(site.before, by));
  return {{"change", name_of(site.change(by))},
          {"difference", difference},
          {"before", sums_json(site.before)},
          {"after", sums_json(site.after)},
          {"stacks_before", site.stacks_before},
          {"stacks_after", site.stacks_after},
          {"frames", frames}};
}

Json sizes_json(const Comparison& comparison) {
  Json out = Json::array();
  const SizeSums& before = comparison.before.sizes;
  const SizeSums& after = comparison.after.sizes;
  for (std::uint32_t i = 0; i < kSizeBins; ++i) {
    if (before.allocations[i] + after.allocations[i] == 0) continue;
    out.push_back({{"from", size_bin_start(i)},
                   {"before", {{"allocations", before.allocations[i]}, {"bytes", before.bytes[i]}}},
                   {"after", {{"allocations", after.allocations[i]}, {"bytes", after.bytes[i]}}}});
  }
  return out;
}

}  // namespace

std::string compare_json(const Comparison& comparison, const CompareNames& names, std::size_t limit) {
  Json json;
  json["schema"] = "loam-compare/1";
  json["before"] = recording_json(names.before, comparison.before);
  json["after"] = recording_json(names.after, comparison.after);
  json["by"] = name_of(comparison.by);
  json["rebuilt"] = comparison.rebuilt;
  json["nameless"] = comparison.nameless;
  json["sizes"] = sizes_json(comparison);
  if (!comparison.has_sites) {
    json["sites"] = nullptr;
    json["reason"] = "recorded without stacks";
    return json_text(json);
  }
  Json summary;
  for (const SiteChange change :
       {SiteChange::kNew, SiteChange::kGrew, SiteChange::kShrank, SiteChange::kGone, SiteChange::kSame})
    summary[name_of(change)] = comparison.changes[static_cast<std::size_t>(change)];
  json["summary"] = summary;
  json["sites"] = Json::array();
  std::size_t left_out = 0;
  for (const ComparedSite& site : comparison.sites) {
    if (site.change(comparison.by) == SiteChange::kSame) continue;
    if (limit != 0 && json["sites"].size() == limit)
      ++left_out;
    else
      json["sites"].push_back(site_json(site, comparison.by));
  }
  json["sites_left_out"] = left_out;
  return json_text(json);
}

}  // namespace loam::tool
