#include "tool/model/leak_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "tool/model/failure.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool {
namespace {

using format::LeakKind;
using format::LeakRecord;

constexpr std::size_t kMostExamples = 3;
constexpr std::size_t kMostChain = 8;

class Stream {
 public:
  explicit Stream(const std::vector<char>& bytes) : bytes_(bytes) {}

  template <class T>
  T take() {
    T value;
    if (bytes_.size() - at_ < sizeof value) throw Failure(kExitFailure, "the answer is cut short");
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  // The next `size` bytes where they lie.
  const char* skip(std::uint64_t size) {
    if (bytes_.size() - at_ < size) throw Failure(kExitFailure, "the answer is cut short");
    at_ += size;
    return bytes_.data() + at_ - size;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  const std::vector<char>& bytes_;
  std::size_t at_ = 0;
};

bool is_head(const LeakRecord& record) {
  return record.kind == LeakKind::kDefinite || record.kind == LeakKind::kDeadSlot;
}

// The readable bytes at the front of the block, up to a zero: pointers and numbers often begin with some, too.
std::string text_of(const LeakRecord& record) {
  char bytes[sizeof record.words];
  std::memcpy(bytes, record.words, sizeof bytes);
  std::string text;
  const std::size_t size = std::min<std::size_t>(sizeof bytes, record.bytes);
  for (std::size_t i = 0; i < size && std::isprint(static_cast<unsigned char>(bytes[i])) != 0; ++i)
    text += bytes[i];
  const bool ends = text.size() == size || bytes[text.size()] == '\0';
  return ends && text.size() >= 4 ? text : "";
}

std::string quoted(const std::string& text) { return text.empty() ? "" : fmt::format(", \"{}\"", text); }

// Words beyond the printable ones say nothing about what the block is.
std::string shape_of(const LeakRecord& record, const ModuleMap& modules) {
  if (!text_of(record).empty()) return "text";
  std::string shape;
  const std::size_t count = std::min<std::size_t>(format::kLeakWords, record.bytes / sizeof(std::uint64_t));
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = record.words[i];
    std::string name = modules.name(word);
    if (const std::size_t plus = name.rfind('+'); i > 0 && plus != std::string::npos) name.resize(plus);
    if (i > 0) shape += ", ";
    if (word == 0)
      shape += "0";
    else if (!name.empty())
      shape += name;
    else if (modules.is_mapped(word))
      shape += "pointer";
    else
      shape += "number";
  }
  return shape;
}

std::vector<LeakGroup> make_groups(const LeakReport& report, const ModuleMap& modules) {
  std::map<std::string, LeakGroup> groups;
  std::vector<std::string> keys(report.records.size());
  std::map<std::string, std::map<std::uint32_t, std::uint64_t>> origins;
  for (std::size_t i = 0; i < report.records.size(); ++i) {
    const LeakRecord& record = report.records[i];
    if (!is_head(record)) continue;
    const std::string shape = shape_of(record, modules);
    const bool dead = record.kind == LeakKind::kDeadSlot;
    const bool by_stack = record.stack != 0 && report.header.every_block != 0;
    const std::string what = by_stack ? fmt::format("stack {}", record.stack) : shape;
    keys[i] = fmt::format("{}/{}/{}", dead ? "dead-slot" : "definite", record.bytes, what);
    LeakGroup& group = groups[keys[i]];
    if (group.blocks == 0) {
      group.key = keys[i];
      group.dead_slot = dead;
      group.block_bytes = record.bytes;
      group.shape = shape;
      group.text = text_of(record);
    }
    ++group.blocks;
    group.bytes += record.bytes;
    group.resident += record.resident;
    if (group.examples.size() < kMostExamples) group.examples.push_back(i);
    if (record.stack != 0) ++origins[keys[i]][record.stack];
  }
  for (std::size_t i = 0; i < report.records.size(); ++i) {
    const LeakRecord& record = report.records[i];
    if (is_head(record) || record.owner >= keys.size() || keys[record.owner].empty()) continue;
    LeakGroup& group = groups[keys[record.owner]];
    if (group.indirect_blocks == 0 || record.bytes > report.records[group.hanging].bytes) group.hanging = i;
    ++group.indirect_blocks;
    group.indirect_bytes += record.bytes;
    group.indirect_resident += record.resident;
  }
  std::vector<LeakGroup> sorted;
  for (auto& [key, group] : groups) {
    group.certain = group.blocks > report.header.unknown_registers;
    for (const auto& [stack, blocks] : origins[key]) group.origins.push_back({stack, blocks});
    std::stable_sort(group.origins.begin(), group.origins.end(),
                     [](const LeakOrigin& a, const LeakOrigin& b) { return a.blocks > b.blocks; });
    sorted.push_back(std::move(group));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const LeakGroup& a, const LeakGroup& b) {
    return a.bytes + a.indirect_bytes > b.bytes + b.indirect_bytes;
  });
  return sorted;
}

}  // namespace

LeakReport read_leaks(std::uint64_t pid, const std::vector<char>& payload, const ModuleMap& modules) {
  Stream stream(payload);
  LeakReport report;
  report.pid = pid;
  report.header = stream.take<format::LeakHeader>();
  if (report.header.version != format::kLeaksVersion) {
    throw Failure(kExitFailure, fmt::format("its libloam.so answers in version {}, this tool knows {}",
                                            report.header.version, format::kLeaksVersion));
  }
  for (std::uint64_t i = 0; i < report.header.classes; ++i) {
    const auto row = stream.take<format::LeakClass>();
    report.classes.push_back({row.bytes, row.reachable_blocks, row.reachable_bytes, 0, 0});
  }
  for (std::uint64_t i = 0; i < report.header.threads; ++i) {
    auto row = stream.take<format::LeakThread>();
    row.name[sizeof row.name - 1] = '\0';
    report.silent.push_back(fmt::format("{} ({})", row.id, row.name));
  }
  for (std::uint64_t i = 0; i < report.header.sites; ++i) {
    const auto row = stream.take<format::LeakSite>();
    report.sites.push_back({static_cast<std::uint32_t>(row.stack), row.blocks, row.bytes, 0, 0, 0});
  }
  for (std::uint64_t i = 0; i < report.header.leaks; ++i) report.records.push_back(stream.take<LeakRecord>());
  for (std::uint64_t i = 0; i < report.header.notes; ++i) {
    auto row = stream.take<format::LeakNote>();
    row.text[sizeof row.text - 1] = '\0';
    for (char& c : row.text) c = c != '\0' && std::iscntrl(static_cast<unsigned char>(c)) != 0 ? '?' : c;
    report.notes.emplace(row.address, row.text);
  }
  report.stacks.read(stream.skip(report.header.stack_bytes), report.header.stack_bytes);
  report.trailer = stream.take<format::LeakTrailer>();
  if (!stream.at_end()) throw Failure(kExitFailure, "the answer is longer than it says");
  report.groups = make_groups(report, modules);
  return report;
}

std::uint64_t LeakReport::definite_blocks() const {
  return static_cast<std::uint64_t>(
      std::count_if(records.begin(), records.end(),
                    [](const LeakRecord& record) { return record.kind == LeakKind::kDefinite; }));
}

std::uint64_t LeakReport::definite_bytes() const {
  std::uint64_t bytes = 0;
  for (const LeakRecord& record : records) bytes += record.kind == LeakKind::kDefinite ? record.bytes : 0;
  return bytes;
}

std::vector<std::uint64_t> LeakReport::links(std::uint64_t record) const {
  std::vector<std::uint64_t> found;
  while (record < records.size() && found.size() < kMostChain) {
    found.push_back(record);
    if (records[record].parent == record) break;
    record = records[record].parent;
  }
  return found;
}

std::string LeakReport::chain(std::uint64_t record) const {
  std::string text;
  const std::vector<std::uint64_t> found = links(record);
  for (const std::uint64_t index : found)
    text += fmt::format("{}{:#x} ({} bytes{})", text.empty() ? "" : " <- ", records[index].address,
                        records[index].bytes, quoted(text_of(records[index])));
  const bool whole = !found.empty() && records[found.back()].parent == found.back();
  return whole ? text : text + " <- ...";
}

void suppress_leaks(LeakReport& report, const Suppressions& suppressions, Symbols& symbols) {
  const auto hides = [&](const char* kind, std::uint32_t stack) {
    return suppressions.match(kind, report.stacks.describe(stack, symbols).frames);
  };
  const auto groups = std::erase_if(report.groups, [&](const LeakGroup& group) {
    return !group.origins.empty() &&
           std::all_of(group.origins.begin(), group.origins.end(),
                       [&](const LeakOrigin& origin) { return hides("leak", origin.stack); });
  });
  const auto sites = std::erase_if(report.sites, [&](const ReachableSite& site) {
    return site.looks_grown > 0 && hides("growth", site.stack);
  });
  report.suppressed += groups + sites;
}

std::string remember_leaks(const LeakReport& report, double now) {
  Json out;
  out["looked"] = now;
  for (const LeakGroup& group : report.groups)
    out["groups"][group.key] = {group.blocks, group.bytes, group.looks_grown};
  for (const ReachableClass& row : report.classes)
    out["classes"][std::to_string(row.block_bytes)] = {row.blocks, row.looks_grown};
  for (const ReachableSite& site : report.sites)
    out["sites"][std::to_string(site.stack)] = {
        site.blocks, site.looks_grown == 0 ? site.bytes : site.bytes_first, site.looks_grown};
  return out.text();
}

namespace {

void compare_sites(LeakReport& report, const Json& last) {
  const Json& sites = last.find("sites");
  for (ReachableSite& site : report.sites) {
    const Json& found = sites.find(std::to_string(site.stack));
    unsigned looks = 0;
    if (found.is_array() && found.size() == 3) {  // else it had none
      site.blocks_before = found.at(0).get<std::uint64_t>();
      site.bytes_first = found.at(1).get<std::uint64_t>();
      looks = found.at(2).get<unsigned>();
    }
    site.looks_grown = site.blocks > site.blocks_before ? looks + 1 : 0;
  }
  std::stable_sort(report.sites.begin(), report.sites.end(),
                   [](const ReachableSite& a, const ReachableSite& b) { return a.grown() > b.grown(); });
}

}  // namespace

void compare_leaks(LeakReport& report, const std::string& before, double now) {
  const Json last = Json::parse_or_null(before);
  if (!last.is_object()) return;
  report.has_before = true;
  const Json& when = last.find("looked");
  const double looked = when.is_number() ? when.get<double>() : 0;
  report.seconds_since = looked > 0 && looked <= now ? now - looked : 0;
  const Json& groups = last.find("groups");
  for (LeakGroup& group : report.groups) {
    const Json& found = groups.find(group.key);
    if (found.is_array() && found.size() == 3) {
      group.known_before = true;
      group.blocks_before = found.at(0).get<std::uint64_t>();
      group.bytes_before = found.at(1).get<std::uint64_t>();
      group.looks_grown = found.at(2).get<unsigned>();
    }
    group.looks_grown = group.blocks > group.blocks_before ? group.looks_grown + 1 : 0;
  }
  const Json& classes = last.find("classes");
  for (ReachableClass& row : report.classes) {
    const Json& found = classes.find(std::to_string(row.block_bytes));
    if (!found.is_array() || found.size() != 2) continue;
    row.blocks_before = found.at(0).get<std::uint64_t>();
    row.looks_grown = row.blocks > row.blocks_before ? found.at(1).get<unsigned>() + 1 : 0;
  }
  compare_sites(report, last);
}

}  // namespace loam::tool
