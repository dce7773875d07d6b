#include "tool/model/stack_match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>

namespace loam::tool {
namespace {

using Names = std::vector<std::uint32_t>;  // of the frames, innermost first, as numbers
using Lines = std::vector<int>;            // of the same frames, from the beginning of the function

// What compilers append to a function that they have copied or split.
std::string plain_name(std::string name) {
  static constexpr std::string_view kParts[] = {".part.", ".isra.",     ".constprop.",
                                                ".cold",  ".lto_priv.", " [clone "};
  for (const std::string_view part : kParts) {
    const std::size_t at = name.find(part);
    if (at != std::string::npos && at > 0) name.resize(at);
  }
  return name;
}

// The insides of the C++ library's headers, of which each optimizer leaves another part. They are known by who called them.
bool is_detail(const SourceFrame& frame) { return frame.file.find("/include/c++/") != std::string::npos; }

// Builds of each module by its name. A name that stands for two builds at once is of none that can be compared.
std::map<std::string, std::optional<std::vector<std::uint8_t>>> builds_of(const StackSet& set) {
  std::map<std::string, std::optional<std::vector<std::uint8_t>>> out;
  for (const SourceModule& module : set.modules) {
    const auto [at, is_new] = out.try_emplace(module_name(module.path), module.build_id);
    if (!is_new && at->second != module.build_id) at->second.reset();
  }
  return out;
}

// The module that main() is in: a program may have been given another name.
std::string program_of(const StackSet& set) {
  for (const KnownStack& stack : set.stacks) {
    for (const SourceFrame& frame : stack.frames) {
      if (frame.function == "main" && !frame.inlined) return module_name(frame.module);
    }
  }
  return {};
}

// Frames as numbers that mean the same on both sides.
class FrameNames {
 public:
  FrameNames(const StackSet& before, const StackSet& after) {
    const auto old_builds = builds_of(before);
    for (const auto& [name, build] : builds_of(after)) {
      const auto old = old_builds.find(name);
      if (old == old_builds.end()) continue;
      if (build && !build->empty() && old->second == build)
        same_.insert(name);
      else
        rebuilt_.insert(name);
    }
    const std::string old_program = program_of(before);
    const std::string new_program = program_of(after);
    if (old_program == new_program || old_program.empty() || new_program.empty()) return;
    if (!same_.contains(old_program)) programs_.insert(old_program);
    if (!same_.contains(new_program)) programs_.insert(new_program);
    rebuilt_.insert(new_program);
  }

  void describe(const KnownStack& stack, Names& names, Lines& lines) {
    for (const SourceFrame& frame : stack.frames) {
      const std::string module = module_name(frame.module);
      if (is_detail(frame) && !same_.contains(module)) continue;
      int line = 0;
      std::string name;
      if (same_.contains(module)) {
        name = fmt::format("{}+{:#x}", module, frame.offset);
      } else {
        name = (programs_.contains(module) ? std::string("program") : module) + "!";
        name += plain_name(frame.linkage.empty() ? frame.function : frame.linkage);
        line = frame.line - frame.declared;
      }
      names.push_back(numbers_.try_emplace(name, static_cast<std::uint32_t>(numbers_.size())).first->second);
      lines.push_back(line);
    }
  }

  std::vector<std::string> rebuilt() const { return {rebuilt_.begin(), rebuilt_.end()}; }

 private:
  std::set<std::string> same_;
  std::set<std::string> rebuilt_;
  std::set<std::string> programs_;  // two names of one program
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

// Stacks of the same functions, on both sides, by their lines.
struct Group {
  std::map<Lines, std::vector<std::size_t>> before;
  std::map<Lines, std::vector<std::size_t>> after;
};

void append(std::vector<std::size_t>& to, const std::vector<std::size_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Those with the same lines are the same. Of what is left, if it is as many on both sides, the order of lines decides; else it is one
// site, since nobody can tell which is which.
void match_group(const Group& group, std::vector<MatchedStacks>& out) {
  std::vector<const std::vector<std::size_t>*> old_rest;
  std::vector<const std::vector<std::size_t>*> new_rest;
  for (const auto& [lines, stacks] : group.after) {
    const auto old = group.before.find(lines);
    if (old == group.before.end())
      new_rest.push_back(&stacks);
    else
      out.push_back({old->second, stacks});
  }
  for (const auto& [lines, stacks] : group.before) {
    if (!group.after.contains(lines)) old_rest.push_back(&stacks);
  }
  if (old_rest.size() == new_rest.size()) {
    for (std::size_t i = 0; i < old_rest.size(); ++i) out.push_back({*old_rest[i], *new_rest[i]});
  } else if (old_rest.empty() || new_rest.empty()) {
    for (const auto* stacks : old_rest) out.push_back({*stacks, {}});
    for (const auto* stacks : new_rest) out.push_back({{}, *stacks});
  } else {
    MatchedStacks& all = out.emplace_back();
    for (const auto* stacks : old_rest) append(all.before, *stacks);
    for (const auto* stacks : new_rest) append(all.after, *stacks);
  }
}

bool is_part_of(const Names& some, const Names& whole) {
  std::size_t found = 0;
  for (const std::uint32_t name : whole) {
    if (found < some.size() && some[found] == name) ++found;
  }
  return found == some.size();
}

HeapSums sum_of(const StackSet& set, const std::vector<std::size_t>& places) {
  HeapSums sums;
  for (const std::size_t place : places) sums += set.stacks[place].sums;
  return sums;
}

// Sites that only one side has, with their names: candidates for stacks in which frames are missing.
struct Lone {
  std::size_t site = 0;
  const Names* names = nullptr;
  HeapSums sums;
  std::vector<std::size_t> partners;  // places in the other list
};

// The single partner; of several the single one that has allocated just as much. Else none.
const Lone* partner_of(const Lone& lone, const std::vector<Lone>& others) {
  if (lone.partners.size() == 1) return &others[lone.partners.front()];
  const Lone* found = nullptr;
  for (const std::size_t place : lone.partners) {
    const Lone& other = others[place];
    if (other.sums.allocations != lone.sums.allocations || other.sums.bytes != lone.sums.bytes) continue;
    if (found != nullptr) return nullptr;
    found = &other;
  }
  return found;
}

void match_incomplete(std::vector<Lone>& old_ones, std::vector<Lone>& new_ones,
                      std::vector<MatchedStacks>& sites) {
  constexpr std::size_t kMostPairs = 4'000'000;  // so that a comparison of two programs does not take minutes
  if (old_ones.size() * new_ones.size() > kMostPairs) return;
  for (std::size_t i = 0; i < old_ones.size(); ++i) {
    for (std::size_t k = 0; k < new_ones.size(); ++k) {
      const Names& a = *old_ones[i].names;
      const Names& b = *new_ones[k].names;
      if (a.size() == b.size() || !(a.size() < b.size() ? is_part_of(a, b) : is_part_of(b, a))) continue;
      old_ones[i].partners.push_back(k);
      new_ones[k].partners.push_back(i);
    }
  }
  for (const Lone& old_one : old_ones) {
    const Lone* new_one = partner_of(old_one, new_ones);
    if (new_one == nullptr || partner_of(*new_one, old_ones) != &old_one) continue;
    sites[new_one->site].before = std::move(sites[old_one.site].before);
    sites[old_one.site].before.clear();
  }
}

}  // namespace

std::string module_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  const std::size_t version = name.find(".so.");
  if (version != std::string::npos) name.resize(version + 3);
  return name;
}

StackMatches match_stacks(const StackSet& before, const StackSet& after) {
  FrameNames frame_names(before, after);
  std::map<Names, Group> groups;
  const auto enter = [&](const StackSet& set, auto side) {
    for (std::size_t i = 0; i < set.stacks.size(); ++i) {
      Names names;
      Lines lines;
      frame_names.describe(set.stacks[i], names, lines);
      (groups[std::move(names)].*side)[std::move(lines)].push_back(i);
    }
  };
  enter(before, &Group::before);
  enter(after, &Group::after);
  StackMatches out;
  out.rebuilt = frame_names.rebuilt();
  std::vector<Lone> old_ones;
  std::vector<Lone> new_ones;
  for (const auto& [names, group] : groups) {
    const std::size_t first = out.sites.size();
    match_group(group, out.sites);
    for (std::size_t i = first; i < out.sites.size(); ++i) {
      const MatchedStacks& site = out.sites[i];
      if (site.after.empty()) old_ones.push_back({i, &names, sum_of(before, site.before), {}});
      if (site.before.empty()) new_ones.push_back({i, &names, sum_of(after, site.after), {}});
    }
  }
  if (!out.rebuilt.empty()) match_incomplete(old_ones, new_ones, out.sites);
  std::erase_if(out.sites,
                [](const MatchedStacks& site) { return site.before.empty() && site.after.empty(); });
  return out;
}

}  // namespace loam::tool
