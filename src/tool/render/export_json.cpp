#include <algorithm>

#include "tool/model/json_value.hpp"
#include "tool/model/profile.hpp"
#include "tool/render/exports.hpp"
#include "tool/render/frames.hpp"
#include "tool/render/json_pieces.hpp"

namespace loam::tool {
namespace {

Json recording_json(const Profile& profile) {
  const RecordingFacts& facts = profile.facts;
  return {{"name", facts.name},       {"program", facts.program},   {"pid", facts.pid},
          {"started", facts.started}, {"ending", facts.ending},     {"duration_ns", profile.duration},
          {"lost", facts.lost},       {"stacks", facts.has_stacks}, {"remarks", facts.remarks}};
}

Json sums_json(const ProfileSite& site) {
  const std::uint64_t life = site.frees == 0 ? 0 : site.life / site.frees;
  return {{"allocations", site.allocations},
          {"bytes", site.bytes},
          {"frees", site.frees},
          {"mean_life_us", life},
          {"temporary", site.temporary},
          {"peak", {{"blocks", site.peak_blocks}, {"bytes", site.peak_bytes}}},
          {"left", {{"blocks", site.kept_blocks}, {"bytes", site.kept_bytes}}}};
}

Json summary_json(const Profile& profile, const std::vector<ProcessSample>& samples) {
  Json out = sums_json(profile.whole);
  out["peak"]["time_ns"] = profile.peak_time;
  out["events"] = profile.events;
  out["unmatched"] = profile.unmatched;
  out["threads"] = profile.threads;
  out["sites"] = profile.sites.size();
  std::uint64_t resident = 0;
  for (const ProcessSample& sample : samples) resident = std::max(resident, sample.resident);
  out["peak_resident"] = samples.empty() ? Json(nullptr) : Json(resident);
  return out;
}

}  // namespace

std::string json_line(const Json& json) { return json.text(); }

std::string json_string(const std::string& text) { return json_line(text); }

// In pieces, a site a line: all sites with their stacks at once can be more than memory holds.
void write_summary_json(HeapEvents& events, PackedOutput& out) {
  const Profile profile = make_profile(events);
  out.write("{\"schema\":\"loam-recording/1\",\n\"recording\":" + json_line(recording_json(profile)));
  out.write(",\n\"summary\":" + json_line(summary_json(profile, events.samples())) + ",\n\"sites\":[");
  bool first = true;
  for (const ProfileSite& site : profile.sites) {
    Json one = sums_json(site);
    one["frames"] = Json::array();
    for (const SourceFrame& frame : events.frames(site.stack)) one["frames"].push_back(frame_json(frame));
    out.write((first ? "\n" : ",\n") + json_line(one));
    first = false;
  }
  out.write("]}\n");
}

}  // namespace loam::tool
