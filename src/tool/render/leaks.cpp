#include "tool/render/leaks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tool/model/json_value.hpp"
#include "tool/render/frames.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

constexpr unsigned kLooksToGrow = 2;  // in a row, after the first
constexpr std::size_t kOriginsShown = 3;
constexpr std::size_t kSitesShown = 5;
// Sites that grew by less than this part of the one that grew most come and go.
constexpr std::uint64_t kPartOfMost = 8;

bool is_shown(const LeakGroup& group, const LeakView& view) {
  return !view.only_new || group.blocks > group.blocks_before;
}

const char* class_of(const LeakGroup& group) {
  if (group.dead_slot) return "dead-slot";
  return group.certain ? "definite" : "unknown";
}

std::string blocks_text(std::uint64_t blocks) {
  return fmt::format("{} {}", with_thousands(blocks), blocks == 1 ? "block" : "blocks");
}

// In fast mode a sample knows where its blocks come from; what most of them say is most of the truth.
std::string origins_text(const LeakReport& report, const LeakGroup& group, Symbols& symbols,
                         const Palette& palette) {
  std::string out;
  std::size_t shown = 0;
  for (const LeakOrigin& origin : group.origins) {
    if (shown++ == kOriginsShown) break;
    out += report.header.every_block != 0
               ? "    allocated\n"
               : fmt::format("    allocated, by the {} of these that the sample has,\n",
                             blocks_text(origin.blocks));
    out += frames_text(report.stacks.describe(origin.stack, symbols), "      ", palette);
  }
  return out;
}

// What there is to see of a block whose stack nobody knows: where it lies, and its first bytes.
std::string example_text(const LeakReport& report, const LeakGroup& group, std::uint64_t index) {
  constexpr std::size_t kBytes = 16;
  const format::LeakRecord& record = report.records[index];
  if (!group.origins.empty()) return fmt::format("    {:#x}\n", record.address);
  unsigned char bytes[sizeof record.words];
  std::memcpy(bytes, record.words, sizeof bytes);
  const std::size_t count = std::min<std::uint64_t>(kBytes, record.bytes / 8 * 8);
  std::string out = fmt::format("    {:#x}, span {:#x}", record.address, record.span);
  for (std::size_t i = 0; i < count; ++i) out += fmt::format("{}{:02x}", i % 8 == 0 ? "  " : " ", bytes[i]);
  return out + "\n";
}

std::string since_text(const LeakReport& report, const LeakGroup& group) {
  if (!report.has_before) return {};
  const bool fewer = group.blocks < group.blocks_before;
  const std::uint64_t change =
      fewer ? group.blocks_before - group.blocks : group.blocks - group.blocks_before;
  return fmt::format(", {}{} since the last look", fewer ? "-" : "+", with_thousands(change));
}

// What is lost stays so: as many as were lost at the last look are at least as old.
std::string age_text(const LeakReport& report, const LeakGroup& group) {
  const std::uint64_t old = std::min(group.blocks, group.blocks_before);
  if (report.seconds_since <= 0 || old == 0) return {};
  return fmt::format("    {} of these older than {}\n", old == group.blocks ? "all" : with_thousands(old),
                     human_ns(report.seconds_since * 1e9));
}

std::string group_text(const LeakReport& report, const LeakGroup& group, Symbols& symbols,
                       const Palette& palette) {
  std::string out =
      palette.paint(group.dead_slot ? Style::kWarn : Style::kBad,
                    fmt::format("  {}: {} of {} bytes, {}", class_of(group), blocks_text(group.blocks),
                                group.block_bytes, human_bytes(group.bytes)));
  out += fmt::format(" ({} resident){}\n", human_bytes(group.resident), since_text(report, group));
  if (group.looks_grown >= kLooksToGrow)
    out += palette.paint(Style::kBad,
                         fmt::format("    growing: more in {} looks in a row\n", group.looks_grown));
  out += age_text(report, group);
  if (group.indirect_blocks > 0) {
    out += fmt::format("    on these hang {}, {} ({} resident), the largest\n      {}\n",
                       blocks_text(group.indirect_blocks), human_bytes(group.indirect_bytes),
                       human_bytes(group.indirect_resident), report.chain(group.hanging));
  }
  if (!group.certain)
    out += "    as many could be held by registers of waiting threads, which nobody can see\n";
  out += fmt::format("    begins with: {}{}\n", group.shape,
                     group.text.empty() ? "" : fmt::format(" \"{}\"", group.text));
  for (const std::uint64_t index : group.examples) out += example_text(report, group, index);
  return out + origins_text(report, group, symbols, palette);
}

std::vector<const ReachableSite*> growing_sites(const LeakReport& report) {
  std::vector<const ReachableSite*> growing;
  for (const ReachableSite& site : report.sites) {
    if (site.looks_grown < kLooksToGrow || growing.size() == kSitesShown) continue;
    if (!growing.empty() && site.grown() < growing.front()->grown() / kPartOfMost) break;
    growing.push_back(&site);
  }
  return growing;
}

std::string growth_text(const LeakReport& report, Symbols& symbols, const Palette& palette) {
  std::string out;
  for (const ReachableSite* site : growing_sites(report)) {
    out += palette.paint(
        Style::kBad,
        fmt::format("  growth: reachable blocks from one place: {}{}, {}, {} more after {} looks in a row\n",
                    blocks_text(site->blocks), report.header.every_block != 0 ? "" : " of the sample",
                    human_bytes(site->bytes), human_bytes(site->grown()), site->looks_grown));
    out += frames_text(report.stacks.describe(site->stack, symbols), "      ", palette);
  }
  for (const ReachableClass& row : report.classes) {
    if (row.looks_grown < kLooksToGrow) continue;
    out += fmt::format("  growth: reachable blocks of {}: {}, more in {} looks in a row\n",
                       row.block_bytes == 0 ? "more than 64 KiB" : human_bytes(row.block_bytes),
                       blocks_text(row.blocks), row.looks_grown);
  }
  return out;
}

std::string header_text(const LeakReport& report) {
  const format::LeakHeader& header = report.header;
  std::string out =
      fmt::format("process {}: {} live, {}; {} reachable\n", report.pid, blocks_text(header.live_blocks),
                  human_bytes(header.live_bytes), blocks_text(header.reachable_blocks));
  out += fmt::format(
      "  stood still for {}, of that {} for the copy; marked in {}, all in {}\n",
      human_ns(static_cast<double>(header.pause_ns)), human_ns(static_cast<double>(header.copy_ns)),
      human_ns(static_cast<double>(header.mark_ns)), human_ns(static_cast<double>(report.trailer.search_ns)));
  out += fmt::format(
      "  threads: {} stopped ({} of them in a call that returned early), {} left waiting in the kernel",
      header.threads_answered, header.threads_interrupted, header.threads_waiting);
  out += header.attempts > 1 ? fmt::format(", in {} attempts\n", header.attempts) : "\n";
  for (const std::string& thread : report.silent)
    out += fmt::format(
        "  thread {} did not stop (it blocks all signals, or got no processor): what it alone holds looks "
        "lost\n",
        thread);
  if (header.devices_left_out > 0)
    out += fmt::format("  {} mappings of devices were not read\n", header.devices_left_out);
  if (report.trailer.huge_joined > 0)
    out += fmt::format("  huge pages: {} made of small pages before the copy\n",
                       human_bytes(report.trailer.huge_joined));
  if (report.trailer.huge_broken > 0) {
    out += fmt::format("  huge pages: {} of {} broken by the copy, {} put together again\n",
                       human_bytes(report.trailer.huge_broken), human_bytes(report.trailer.huge_before),
                       human_bytes(report.trailer.huge_restored));
  }
  if (report.suppressed > 0) out += fmt::format("  {} suppressed\n", report.suppressed);
  if (header.left_out > 0)
    out += fmt::format("  {} more leaked blocks are only counted\n", with_thousands(header.left_out));
  return out;
}

Json example_json(const LeakReport& report, std::uint64_t index) {
  const format::LeakRecord& record = report.records[index];
  Json words = Json::array();
  for (const std::uint64_t word : record.words) words.push_back(fmt::format("{:#018x}", word));
  return {{"address", fmt::format("{:#x}", record.address)},
          {"bytes", record.bytes},
          {"span", fmt::format("{:#x}", record.span)},
          {"words", words}};
}

Json group_json(const LeakReport& report, const LeakGroup& group, Symbols& symbols) {
  Json out;
  out["class"] = class_of(group);
  out["block_bytes"] = group.block_bytes;
  out["blocks"] = group.blocks;
  out["bytes"] = group.bytes;
  out["resident_bytes"] = group.resident;
  out["indirect_blocks"] = group.indirect_blocks;
  out["indirect_bytes"] = group.indirect_bytes;
  out["indirect_resident_bytes"] = group.indirect_resident;
  out["stacks"] = Json::array();
  for (const LeakOrigin& origin : group.origins) {
    Json stack = frames_json(report.stacks.describe(origin.stack, symbols));
    stack["blocks"] = origin.blocks;
    out["stacks"].push_back(stack);
  }
  out["begins_with"] = group.shape;
  out["text"] = group.text;
  if (report.has_before) {
    out["blocks_before"] = group.blocks_before;
    out["bytes_before"] = group.bytes_before;
    out["growing"] = group.looks_grown >= kLooksToGrow;
  }
  out["hanging"] = Json::array();  // from a block that hangs on them to the lost one
  if (group.indirect_blocks > 0) {
    for (const std::uint64_t index : report.links(group.hanging))
      out["hanging"].push_back(example_json(report, index));
  }
  out["examples"] = Json::array();
  for (const std::uint64_t index : group.examples) out["examples"].push_back(example_json(report, index));
  return out;
}

Json figures_json(const LeakReport& report) {
  const format::LeakHeader& header = report.header;
  const format::LeakTrailer& trailer = report.trailer;
  return {{"live_blocks", header.live_blocks},
          {"live_bytes", header.live_bytes},
          {"reachable_blocks", header.reachable_blocks},
          {"reachable_bytes", header.reachable_bytes},
          {"definite_blocks", report.definite_blocks()},
          {"definite_bytes", report.definite_bytes()},
          {"pause_ns", header.pause_ns},
          {"copy_ns", header.copy_ns},
          {"map_ns", header.map_ns},
          {"mark_ns", header.mark_ns},
          {"copy_cpu_ns", header.copy_cpu_ns},
          {"mark_cpu_ns", header.mark_cpu_ns},
          {"sort_ns", header.sort_ns},
          {"search_ns", trailer.search_ns},
          {"attempts", header.attempts},
          {"words_read", header.words_read},
          {"root_stack_bytes", header.root_stack_bytes},
          {"root_data_bytes", header.root_data_bytes},
          {"ended_stacks", header.ended_stacks},
          {"unknown_registers", header.unknown_registers},
          {"threads_stopped", header.threads_answered},
          {"threads_waiting", header.threads_waiting},
          {"threads_silent", header.threads_silent},
          {"threads_interrupted", header.threads_interrupted},
          {"devices_left_out", header.devices_left_out},
          {"huge_bytes_joined", trailer.huge_joined},
          {"huge_bytes_before", trailer.huge_before},
          {"huge_bytes_broken", trailer.huge_broken},
          {"huge_bytes_restored", trailer.huge_restored}};
}

}  // namespace

std::string leaks_text(const LeakReport& report, const LeakView& view, const Palette& palette) {
  Symbols symbols;
  std::string out = header_text(report);
  std::size_t shown = 0;
  std::size_t hidden = 0;
  for (const LeakGroup& group : report.groups) {
    if (!is_shown(group, view)) continue;
    if (shown == view.most_groups) {
      ++hidden;
      continue;
    }
    out += group_text(report, group, symbols, palette);
    ++shown;
  }
  if (hidden > 0) out += fmt::format("  and {} smaller groups (--groups shows more)\n", hidden);
  if (shown == 0)
    out += palette.paint(Style::kGood, view.only_new ? "  nothing new is lost\n" : "  nothing is lost\n");
  return out + growth_text(report, symbols, palette);
}

namespace {

Json report_json(const LeakReport& report, const LeakView& view) {
  Symbols symbols;
  Json out;
  out["schema"] = "loam-leaks/1";
  out["pid"] = report.pid;
  out["figures"] = figures_json(report);
  out["silent_threads"] = report.silent;
  out["suppressed"] = report.suppressed;
  out["stacks_of"] = report.header.every_block != 0 ? "every block"
                     : report.sites.empty()         ? "none"
                                                    : "a sample";
  if (report.has_before) out["seconds_since_last"] = report.seconds_since;
  out["groups"] = Json::array();
  for (const LeakGroup& group : report.groups) {
    if (is_shown(group, view)) out["groups"].push_back(group_json(report, group, symbols));
  }
  out["growth"] = Json::array();
  for (const ReachableClass& row : report.classes) {
    if (row.looks_grown < kLooksToGrow) continue;
    out["growth"].push_back(
        {{"block_bytes", row.block_bytes}, {"blocks", row.blocks}, {"looks_in_a_row", row.looks_grown}});
  }
  out["growing_sites"] = Json::array();
  for (const ReachableSite* site : growing_sites(report)) {
    Json row = frames_json(report.stacks.describe(site->stack, symbols));
    row["blocks"] = site->blocks;
    row["bytes"] = site->bytes;
    row["grown_bytes"] = site->grown();
    row["looks_in_a_row"] = site->looks_grown;
    out["growing_sites"].push_back(row);
  }
  return out;
}

}  // namespace

std::string leaks_json(const LeakReport& report, const LeakView& view) {
  return json_text(report_json(report, view));
}

std::string leaks_json(const std::vector<LeakReport>& reports, const LeakView& view) {
  Json all = Json::array();
  for (const LeakReport& report : reports) all.push_back(report_json(report, view));
  return json_text(all);
}

}  // namespace loam::tool
