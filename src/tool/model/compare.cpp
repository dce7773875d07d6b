#include "tool/model/compare.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "tool/model/stack_match.hpp"

namespace loam::tool {
namespace {

constexpr std::array kMeasures = {"live", "peak", "bytes", "count"};
constexpr std::array kChanges = {"same", "grew", "shrank", "new", "gone"};

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a < b ? b - a : a - b; }

std::uint64_t distance(const ComparedSite& site, CompareBy by) {
  return distance(figure_of(site.before, by), figure_of(site.after, by));
}

StackSet stacks_of(HeapEvents& events, const RecordingSums& sums) {
  StackSet set;
  set.modules = events.modules();
  for (const auto& [stack, own] : sums.stacks) set.stacks.push_back({stack, events.frames(stack), own});
  return set;
}

// The stack that has most of the measure; nullptr if none has any.
const KnownStack* largest(const StackSet& set, const std::vector<std::size_t>& places, CompareBy by) {
  const KnownStack* found = nullptr;
  for (const std::size_t place : places) {
    const KnownStack& stack = set.stacks[place];
    const std::uint64_t most = found == nullptr ? 0 : figure_of(found->sums, by);
    if (figure_of(stack.sums, by) > most) found = &stack;
  }
  return found;
}

// A site is shown by a stack as it is now, unless only those of before had any of the measure.
void set_shown(ComparedSite& site, const MatchedStacks& match, const StackSet& before, const StackSet& after,
               CompareBy by) {
  const KnownStack* shown = largest(after, match.after, by);
  if (shown == nullptr) {
    shown = largest(before, match.before, by);
    site.shows_before = shown != nullptr || match.after.empty();
  }
  if (shown == nullptr)
    shown = match.after.empty() ? &before.stacks[match.before.front()] : &after.stacks[match.after.front()];
  site.frames = shown->frames;
}

ComparedSite site_of(const MatchedStacks& match, const StackSet& before, const StackSet& after,
                     CompareBy by) {
  ComparedSite site;
  for (const std::size_t place : match.before) site.before += before.stacks[place].sums;
  for (const std::size_t place : match.after) site.after += after.stacks[place].sums;
  site.stacks_before = static_cast<std::uint32_t>(match.before.size());
  site.stacks_after = static_cast<std::uint32_t>(match.after.size());
  set_shown(site, match, before, after, by);
  return site;
}

// Modules that were built anew and of whose functions some were not found.
std::vector<std::string> nameless_of(const StackSet& set, const std::vector<std::string>& rebuilt) {
  std::set<std::string> names;
  for (const KnownStack& stack : set.stacks) {
    for (const SourceFrame& frame : stack.frames) {
      const std::string name = module_name(frame.module);
      if (frame.function.empty() && std::find(rebuilt.begin(), rebuilt.end(), name) != rebuilt.end())
        names.insert(frame.module);
    }
  }
  return {names.begin(), names.end()};
}

void sort_sites(Comparison& comparison) {
  const CompareBy by = comparison.by;
  const auto rank = [by](const ComparedSite& site) {
    return std::tuple(distance(site, by), distance(site, CompareBy::kBytes),
                      distance(site, CompareBy::kCount), site.after.bytes + site.before.bytes);
  };
  std::stable_sort(comparison.sites.begin(), comparison.sites.end(),
                   [&](const ComparedSite& a, const ComparedSite& b) { return rank(a) > rank(b); });
}

ComparedRecording whole_of(const HeapEvents& events, const RecordingSums& sums) {
  return {events.facts(), sums.whole, sums.sizes, sums.events};
}

}  // namespace

const char* name_of(CompareBy by) { return kMeasures[static_cast<std::size_t>(by)]; }
const char* name_of(SiteChange change) { return kChanges[static_cast<std::size_t>(change)]; }

CompareBy compare_by(const std::string& name) {
  const auto* const found = std::find(kMeasures.begin(), kMeasures.end(), name);
  return static_cast<CompareBy>(found == kMeasures.end() ? 0 : found - kMeasures.begin());
}

std::uint64_t figure_of(const HeapSums& sums, CompareBy by) {
  switch (by) {
    case CompareBy::kLive:
      return sums.live_bytes;
    case CompareBy::kPeak:
      return sums.peak_bytes;
    case CompareBy::kBytes:
      return sums.bytes;
    case CompareBy::kCount:
      return sums.allocations;
  }
  return 0;
}

// A site that held nothing of the measure before and holds nothing now is none of that measure's changes.
SiteChange ComparedSite::change(CompareBy by) const {
  const std::uint64_t old_figure = figure_of(before, by);
  const std::uint64_t new_figure = figure_of(after, by);
  if (old_figure == new_figure) return SiteChange::kSame;
  if (stacks_before == 0) return SiteChange::kNew;
  if (stacks_after == 0) return SiteChange::kGone;
  return old_figure < new_figure ? SiteChange::kGrew : SiteChange::kShrank;
}

Comparison compare(HeapEvents& before, HeapEvents& after, CompareBy by) {
  const RecordingSums old_sums = sum_up(before);
  const RecordingSums new_sums = sum_up(after);
  Comparison out;
  out.by = by;
  out.before = whole_of(before, old_sums);
  out.after = whole_of(after, new_sums);
  out.has_sites = out.before.facts.has_stacks && out.after.facts.has_stacks;
  if (!out.has_sites) return out;
  const StackSet old_set = stacks_of(before, old_sums);
  const StackSet new_set = stacks_of(after, new_sums);
  StackMatches matches = match_stacks(old_set, new_set);
  for (const MatchedStacks& match : matches.sites) out.sites.push_back(site_of(match, old_set, new_set, by));
  for (const ComparedSite& site : out.sites) ++out.changes[static_cast<std::size_t>(site.change(by))];
  out.nameless = nameless_of(old_set, matches.rebuilt);
  out.rebuilt = std::move(matches.rebuilt);
  sort_sites(out);
  return out;
}

}  // namespace loam::tool
