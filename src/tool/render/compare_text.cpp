#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tool/render/compare.hpp"
#include "tool/render/frames.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kSizesShown = 12;

const char* words_of(CompareBy by) {
  switch (by) {
    case CompareBy::kLive:
      return "live at the end";
    case CompareBy::kPeak:
      return "at the peak";
    case CompareBy::kBytes:
      return "allocated";
    case CompareBy::kCount:
      return "allocations";
  }
  return "";
}

using Format = std::string (*)(std::uint64_t);

std::string difference(std::uint64_t before, std::uint64_t after, Format format) {
  if (before == after) return "0";
  return before < after ? "+" + format(after - before) : "-" + format(before - after);
}

std::string share(std::uint64_t before, std::uint64_t after) {
  if (before == after || before == 0) return "";
  return fmt::format("{:+.1f} %", 100 * (static_cast<double>(after) / static_cast<double>(before) - 1));
}

std::string recording_text(const char* role, const std::string& name, const ComparedRecording& recording) {
  std::string out = fmt::format("  {} {}: ", role, name);
  if (!recording.facts.program.empty())
    out += printable(fmt::format("{}, ", fmt::join(recording.facts.program, " ")));
  out += counted(recording.events, "event");
  if (!recording.facts.ending.empty()) out += ", " + recording.facts.ending;
  return out + "\n";
}

std::string totals_text(const HeapSums& before, const HeapSums& after) {
  Table table;
  table.row({"", "before", "after", "difference", ""});
  const auto row = [&](const char* name, std::uint64_t HeapSums::* figure, Format format) {
    const std::uint64_t a = before.*figure;
    const std::uint64_t b = after.*figure;
    table.row({name, format(a), format(b), difference(a, b, format), share(a, b)});
  };
  row("allocations", &HeapSums::allocations, with_thousands);
  row("bytes allocated", &HeapSums::bytes, human_bytes);
  row("peak bytes", &HeapSums::peak_bytes, human_bytes);
  row("blocks at the peak", &HeapSums::peak_blocks, with_thousands);
  row("live at the end", &HeapSums::live_bytes, human_bytes);
  row("blocks then", &HeapSums::live_blocks, with_thousands);
  row("temporary", &HeapSums::temporary, with_thousands);
  return table.text("  ");
}

std::string sizes_text(const Comparison& comparison) {
  const SizeSums& old_sizes = comparison.before.sizes;
  const SizeSums& new_sizes = comparison.after.sizes;
  std::vector<std::size_t> bins;
  for (std::size_t i = 0; i < kSizeBins; ++i) {
    if (old_sizes.allocations[i] != new_sizes.allocations[i]) bins.push_back(i);
  }
  const auto change = [&](std::size_t i) {
    return std::max(old_sizes.bytes[i], new_sizes.bytes[i]) -
           std::min(old_sizes.bytes[i], new_sizes.bytes[i]);
  };
  std::stable_sort(bins.begin(), bins.end(),
                   [&](std::size_t a, std::size_t b) { return change(a) > change(b); });
  if (bins.empty()) return "Every size was allocated as often as before.\n";
  Table table;
  table.row({"size from", "before", "after", "difference", "bytes"});
  for (std::size_t k = 0; k < bins.size() && k < kSizesShown; ++k) {
    const std::size_t i = bins[k];
    table.row({human_bytes(size_bin_start(static_cast<std::uint32_t>(i))),
               with_thousands(old_sizes.allocations[i]), with_thousands(new_sizes.allocations[i]),
               difference(old_sizes.allocations[i], new_sizes.allocations[i], with_thousands),
               difference(old_sizes.bytes[i], new_sizes.bytes[i], human_bytes)});
  }
  std::string out = "Allocations by size, the largest difference of bytes first\n" + table.text("  ");
  if (bins.size() > kSizesShown) out += fmt::format("  and {} more that differ\n", bins.size() - kSizesShown);
  return out;
}

std::string summary_text(const Comparison& comparison) {
  const auto number = [&](SiteChange change) { return comparison.changes[static_cast<std::size_t>(change)]; };
  std::vector<std::string> parts;
  const auto add = [&](SiteChange change, const char* one, const char* many) {
    if (number(change) > 0)
      parts.push_back(fmt::format("{} {}", with_thousands(number(change)), number(change) == 1 ? one : many));
  };
  add(SiteChange::kNew, "is new", "are new");
  add(SiteChange::kGrew, "grew", "grew");
  add(SiteChange::kShrank, "shrank", "shrank");
  add(SiteChange::kGone, "is gone", "are gone");
  add(SiteChange::kSame, "is as it was", "are as they were");
  const char* what = comparison.by == CompareBy::kCount  ? "the number of allocations"
                     : comparison.by == CompareBy::kLive ? "bytes live at the end"
                     : comparison.by == CompareBy::kPeak ? "bytes live at the peak"
                                                         : "bytes allocated";
  return fmt::format("Call sites by {}: {}\n", what,
                     parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", ")));
}

// "bytes +1.0 KiB, allocations +10 (20 to 30)": the measures beside the chosen one that changed.
std::string others_text(const ComparedSite& site, CompareBy chosen) {
  std::vector<std::string> parts;
  for (const CompareBy by : {CompareBy::kLive, CompareBy::kPeak, CompareBy::kBytes, CompareBy::kCount}) {
    const std::uint64_t a = figure_of(site.before, by);
    const std::uint64_t b = figure_of(site.after, by);
    if (by == chosen || a == b) continue;
    parts.push_back(by == CompareBy::kCount
                        ? fmt::format("{} allocations ({} to {})", difference(a, b, with_thousands),
                                      with_thousands(a), with_thousands(b))
                        : fmt::format("{} {}", difference(a, b, human_bytes), words_of(by)));
  }
  if (site.before.temporary != site.after.temporary)
    parts.push_back(difference(site.before.temporary, site.after.temporary, with_thousands) + " temporary");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string site_text(const ComparedSite& site, CompareBy by, bool is_rebuilt, const Palette& palette) {
  const Format format = by == CompareBy::kCount ? with_thousands : human_bytes;
  const std::uint64_t a = figure_of(site.before, by);
  const std::uint64_t b = figure_of(site.after, by);
  const SiteChange change = site.change(by);
  std::string out = palette.paint(a < b ? Style::kBad : Style::kGood, difference(a, b, format));
  out += fmt::format(" {}: ", words_of(by));
  if (change == SiteChange::kNew)
    out += "new";
  else if (change == SiteChange::kGone)
    out += "gone";
  else
    out += fmt::format("{} to {}", format(a), format(b));
  out += "\n";
  const std::string others = others_text(site, by);
  if (!others.empty()) out += "  " + others + "\n";
  if (site.stacks_before > 1 || site.stacks_after > 1)
    out += fmt::format("  {} before and {} after that cannot be told apart\n",
                       counted(site.stacks_before, "stack"), counted(site.stacks_after, "stack"));
  CallStacks::Text stack;
  stack.frames = site.frames;
  // The sources of then are no longer there.
  const Quote quote = site.shows_before && is_rebuilt ? Quote::kNone : Quote::kFirst;
  return out + frames_text(stack, "    ", palette, quote) + "\n";
}

std::string modules_text(const Comparison& comparison) {
  std::string out;
  if (!comparison.rebuilt.empty())
    out += fmt::format(
        "  of another build: {}; there a call site is known by its functions and the lines within them\n",
        printable(fmt::format("{}", fmt::join(comparison.rebuilt, ", "))));
  for (const std::string& module : comparison.nameless)
    out += fmt::format(
        "  not all functions of {} as it was before are known; --binary FILE names the file of then\n",
        printable(module));
  return out;
}

}  // namespace

std::string compare_text(const Comparison& comparison, const CompareNames& names, std::size_t limit,
                         const Palette& palette) {
  std::string out = palette.paint(Style::kBold, "loam compare") + "\n";
  out += recording_text("before", names.before, comparison.before);
  out += recording_text("after ", names.after, comparison.after) + modules_text(comparison) + "\n";
  out += totals_text(comparison.before.whole, comparison.after.whole) + "\n";
  if (!comparison.has_sites) {
    const bool neither = !comparison.before.facts.has_stacks && !comparison.after.facts.has_stacks;
    return out +
           fmt::format(
               "{} without stacks: only totals and sizes can be compared\n\n",
               neither ? std::string("Both were recorded")
                       : (comparison.after.facts.has_stacks ? names.before : names.after) + " was recorded") +
           sizes_text(comparison);
  }
  out += summary_text(comparison) + "\n";
  std::size_t shown = 0;
  std::size_t changed = 0;
  for (const ComparedSite& site : comparison.sites) {
    if (site.change(comparison.by) == SiteChange::kSame) continue;
    ++changed;
    if (limit != 0 && shown == limit) continue;
    ++shown;
    out += site_text(site, comparison.by, !comparison.rebuilt.empty(), palette);
  }
  if (changed > shown)
    out += fmt::format("{} more that differ; --limit 0 shows all\n", with_thousands(changed - shown));
  if (changed == 0)
    out += "No call site differs in this; --by live, peak, bytes or count looks at another measure\n";
  return out;
}

}  // namespace loam::tool
