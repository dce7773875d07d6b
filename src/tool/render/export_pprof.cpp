#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <protozero/pbf_writer.hpp>
#include <tuple>
#include <unordered_map>

#include "tool/model/profile.hpp"
#include "tool/render/exports.hpp"

namespace loam::tool {
namespace {

using protozero::pbf_writer;

// The numbers of profile.proto's fields.
enum class OfProfile : protozero::pbf_tag_type {
  kSampleType = 1,
  kSample,
  kMapping,
  kLocation,
  kFunction,
  kStrings,
  kTimeNanos = 9,
  kDurationNanos,
  kPeriodType,
  kPeriod,
  kComment,
  kDefaultSampleType
};
constexpr protozero::pbf_tag_type tag(OfProfile field) { return static_cast<protozero::pbf_tag_type>(field); }

// The first four are those of Go's heap profiles, which tools know by name.
constexpr ProfileMeasure kPprofMeasures[] = {
    {"alloc_objects", "count", &ProfileSite::allocations}, {"alloc_space", "bytes", &ProfileSite::bytes},
    {"inuse_objects", "count", &ProfileSite::kept_blocks}, {"inuse_space", "bytes", &ProfileSite::kept_bytes},
    {"peak_objects", "count", &ProfileSite::peak_blocks},  {"peak_space", "bytes", &ProfileSite::peak_bytes},
};
// A program that has given back everything has nothing in use: the default must never be empty.
constexpr const char* kDefaultMeasure = "alloc_space";

// pprof takes the first mapping for the program; modules come in the order in which stacks met them. A program is known by its name
// or, where it was called through a link, by being no library.
void put_program_first(std::vector<ModuleMapping>& modules, const std::vector<std::string>& words) {
  const auto name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  const std::string program = words.empty() ? "" : name(words.front());
  auto at = std::find_if(modules.begin(), modules.end(),
                         [&](const ModuleMapping& module) { return name(module.source.path) == program; });
  if (at == modules.end()) {
    at = std::find_if(modules.begin(), modules.end(), [&](const ModuleMapping& module) {
      return name(module.source.path).find(".so") == std::string::npos;
    });
  }
  if (at != modules.end()) std::rotate(modules.begin(), at, at + 1);
}

class PprofWriter {
 public:
  explicit PprofWriter(std::vector<ModuleMapping> modules)
      : modules_(std::move(modules)), mapping_of_(modules_.size()) {
    string("");
  }

  void head(const RecordingFacts& facts, std::uint64_t duration) {
    for (const ProfileMeasure& measure : kPprofMeasures)
      type(OfProfile::kSampleType, measure.name, measure.unit);
    type(OfProfile::kPeriodType, "space", "bytes");
    pbf_writer profile(profile_);
    profile.add_int64(tag(OfProfile::kPeriod), 1);  // every byte counts
    profile.add_int64(tag(OfProfile::kDefaultSampleType), string(kDefaultMeasure));
    profile.add_int64(tag(OfProfile::kTimeNanos), static_cast<std::int64_t>(facts.started) * 1'000'000'000);
    profile.add_int64(tag(OfProfile::kDurationNanos), static_cast<std::int64_t>(duration));
    std::string program;
    for (const std::string& word : facts.program) program += (program.empty() ? "" : " ") + word;
    if (!program.empty()) profile.add_int64(tag(OfProfile::kComment), string(program));
  }

  void sample(const ProfileSite& site, const std::vector<SourceFrame>& frames) {
    std::vector<std::uint64_t> locations;
    for (std::size_t begin = 0, end = 0; begin < frames.size(); begin = end) {
      while (end < frames.size() && frames[end].inlined) ++end;
      end = std::min(end + 1, frames.size());
      locations.push_back(location(frames.begin() + static_cast<std::ptrdiff_t>(begin),
                                   frames.begin() + static_cast<std::ptrdiff_t>(end)));
    }
    std::vector<std::int64_t> values;
    for (const ProfileMeasure& measure : kPprofMeasures)
      values.push_back(static_cast<std::int64_t>(site.*measure.value));
    pbf_writer profile(profile_);
    pbf_writer out(profile, tag(OfProfile::kSample));
    out.add_packed_uint64(1, locations.begin(), locations.end());
    out.add_packed_int64(2, values.begin(), values.end());
  }

  // All of it. Nothing can be added afterwards.
  const std::string& finish() {
    pbf_writer profile(profile_);
    for (std::size_t i = 0; i < modules_.size(); ++i) {
      if (mapping_of_[i].id != 0) mapping(profile, modules_[i], mapping_of_[i]);
    }
    for (const std::string& text : strings_) profile.add_string(tag(OfProfile::kStrings), text);
    return profile_;
  }

 private:
  using Frames = std::vector<SourceFrame>::const_iterator;
  struct Mapping {
    std::uint64_t id = 0;  // 0: not used
    bool has_functions = false;
    bool has_lines = false;
    bool has_inlined = false;
  };

  std::int64_t string(const std::string& text) {
    const auto [at, is_new] = string_numbers_.try_emplace(text, strings_.size());
    if (is_new) strings_.push_back(text);
    return static_cast<std::int64_t>(at->second);
  }

  void type(OfProfile field, const char* name, const char* unit) {
    const std::int64_t name_number = string(name);
    const std::int64_t unit_number = string(unit);
    pbf_writer profile(profile_);
    pbf_writer out(profile, tag(field));
    out.add_int64(1, name_number);
    out.add_int64(2, unit_number);
  }

  // A place in the program and all functions that the compiler put there; the last frame is that of the real function.
  std::uint64_t location(Frames begin, Frames end) {
    std::vector<std::pair<std::uint64_t, int>> lines;
    for (auto frame = begin; frame != end; ++frame) {
      if (!frame->function.empty()) lines.emplace_back(function(*frame), std::max(frame->line, 0));
    }
    // Without an address (a stack that nobody recorded) the function stands for it.
    const std::uint64_t name = begin->address == 0 && !lines.empty() ? lines.front().first : 0;
    const auto [at, is_new] =
        location_numbers_.try_emplace({begin->address, begin->module, name}, location_numbers_.size() + 1);
    if (!is_new) return at->second;
    const std::uint64_t mapping = note_mapping(begin, end);
    pbf_writer profile(profile_);
    pbf_writer out(profile, tag(OfProfile::kLocation));
    out.add_uint64(1, at->second);
    if (mapping != 0) out.add_uint64(2, mapping);
    // Frames have return addresses; the call stands before.
    if (begin->address != 0) out.add_uint64(3, begin->address - 1);
    for (const auto& [number, line] : lines) {
      pbf_writer one(out, 4);
      one.add_uint64(1, number);
      one.add_int64(2, line);
    }
    return at->second;
  }

  std::uint64_t function(const SourceFrame& frame) {
    const auto [at, is_new] = function_numbers_.try_emplace({frame.function, frame.linkage, frame.file},
                                                            function_numbers_.size() + 1);
    if (!is_new) return at->second;
    const std::int64_t name = string(frame.function);
    const std::int64_t linkage = string(frame.linkage.empty() ? frame.function : frame.linkage);
    const std::int64_t file = string(frame.file);
    pbf_writer profile(profile_);
    pbf_writer out(profile, tag(OfProfile::kFunction));
    out.add_uint64(1, at->second);
    out.add_int64(2, name);
    out.add_int64(3, linkage);
    if (file != 0) out.add_int64(4, file);
    return at->second;
  }

  std::uint64_t note_mapping(Frames begin, Frames end) {
    for (std::size_t i = 0; i < modules_.size(); ++i) {
      const ModuleMapping& module = modules_[i];
      if (begin->address < module.start || begin->address > module.end || begin->module != module.source.path)
        continue;
      Mapping& mapping = mapping_of_[i];
      if (mapping.id == 0) mapping.id = ++mappings_;
      mapping.has_functions |= !std::prev(end)->function.empty();
      mapping.has_lines |= std::prev(end)->line > 0;
      mapping.has_inlined |= end - begin > 1;
      return mapping.id;
    }
    return 0;
  }

  void mapping(pbf_writer& profile, const ModuleMapping& module, const Mapping& of) {
    std::string build_id;
    for (const std::uint8_t byte : module.source.build_id) build_id += fmt::format("{:02x}", byte);
    const std::int64_t file = string(module.source.path);
    const std::int64_t build = string(build_id);
    pbf_writer out(profile, tag(OfProfile::kMapping));
    out.add_uint64(1, of.id);
    out.add_uint64(2, module.start);
    out.add_uint64(3, module.end);
    out.add_int64(5, file);
    if (build != 0) out.add_int64(6, build);
    out.add_bool(7, of.has_functions);
    out.add_bool(8, of.has_lines);
    out.add_bool(9, of.has_lines);
    out.add_bool(10, of.has_inlined);
  }

  std::vector<ModuleMapping> modules_;
  std::vector<Mapping> mapping_of_;
  std::uint64_t mappings_ = 0;
  std::string profile_;
  std::vector<std::string> strings_;
  std::unordered_map<std::string, std::size_t> string_numbers_;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> function_numbers_;
  std::map<std::tuple<std::uint64_t, std::string, std::uint64_t>, std::uint64_t> location_numbers_;
};

}  // namespace

void write_pprof(HeapEvents& events, PackedOutput& out) {
  const Profile profile = make_profile(events);
  std::vector<ModuleMapping> modules = events.mappings();
  put_program_first(modules, profile.facts.program);
  PprofWriter writer(std::move(modules));
  writer.head(profile.facts, profile.duration);
  for (const ProfileSite& site : profile.sites) writer.sample(site, events.frames(site.stack));
  out.write(writer.finish());
}

}  // namespace loam::tool
