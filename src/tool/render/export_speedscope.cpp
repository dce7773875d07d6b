#include <fmt/format.h>

#include <map>
#include <tuple>

#include "tool/model/profile.hpp"
#include "tool/render/exports.hpp"
#include "tool/render/frames.hpp"
#include "tool/render/json_pieces.hpp"

namespace loam::tool {
namespace {

constexpr ProfileMeasure kSpeedscopeMeasures[] = {{"bytes allocated", "bytes", &ProfileSite::bytes},
                                                  {"allocations", "none", &ProfileSite::allocations},
                                                  {"bytes at the peak", "bytes", &ProfileSite::peak_bytes},
                                                  {"bytes never freed", "bytes", &ProfileSite::kept_bytes},
                                                  {"temporary allocations", "none", &ProfileSite::temporary}};

// The frames that all profiles of a file share.
class SharedFrames {
 public:
  // "[4,2,0]", the outermost first.
  std::string stack(const std::vector<SourceFrame>& frames) {
    std::string out = "[";
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame)
      out += fmt::format("{}{}", out.size() == 1 ? "" : ",", number(*frame));
    return out + "]";
  }
  void write(PackedOutput& out) const {
    for (std::size_t i = 0; i < texts_.size(); ++i) out.write((i == 0 ? "" : ",\n") + texts_[i]);
  }

 private:
  std::size_t number(const SourceFrame& frame) {
    const std::string name = frame_name(frame);
    const auto [at, is_new] = numbers_.try_emplace({name, frame.file, frame.line}, texts_.size());
    if (!is_new) return at->second;
    std::string text = "{\"name\":" + json_string(name);
    if (!frame.file.empty()) text += ",\"file\":" + json_string(frame.file);
    if (frame.line > 0) text += fmt::format(",\"line\":{}", frame.line);
    texts_.push_back(text + "}");
    return at->second;
  }

  std::map<std::tuple<std::string, std::string, int>, std::size_t> numbers_;
  std::vector<std::string> texts_;
};

void write_profile(const Profile& profile, const std::vector<std::string>& stacks,
                   const ProfileMeasure& measure, PackedOutput& out) {
  out.write(
      fmt::format("{{\"type\":\"sampled\",\"name\":\"{}\",\"unit\":\"{}\",\"startValue\":0,"
                  "\"endValue\":{},\n\"samples\":[",
                  measure.name, measure.unit, profile.whole.*measure.value));
  bool first = true;
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    if (profile.sites[i].*measure.value == 0) continue;
    out.write((first ? "\n" : ",\n") + stacks[i]);
    first = false;
  }
  out.write("],\n\"weights\":[");
  first = true;
  for (const ProfileSite& site : profile.sites) {
    if (site.*measure.value == 0) continue;
    out.write(fmt::format("{}{}", first ? "" : ",", site.*measure.value));
    first = false;
  }
  out.write("]}");
}

}  // namespace

void write_speedscope(HeapEvents& events, PackedOutput& out) {
  const Profile profile = make_profile(events);
  SharedFrames frames;
  std::vector<std::string> stacks;
  for (const ProfileSite& site : profile.sites) stacks.push_back(frames.stack(events.frames(site.stack)));
  out.write(
      "{\"$schema\":\"https://www.speedscope.app/"
      "file-format-schema.json\",\n\"exporter\":\"loam " LOAM_VERSION "\",\"name\":" +
      json_string(profile.facts.name) + ",\"activeProfileIndex\":0,\n\"shared\":{\"frames\":[\n");
  frames.write(out);
  out.write("]},\n\"profiles\":[\n");
  bool first = true;
  for (const ProfileMeasure& measure : kSpeedscopeMeasures) {
    // A profile without samples cannot be opened.
    if (profile.whole.*measure.value == 0) continue;
    if (!first) out.write(",\n");
    write_profile(profile, stacks, measure, out);
    first = false;
  }
  out.write("]}\n");
}

}  // namespace loam::tool
