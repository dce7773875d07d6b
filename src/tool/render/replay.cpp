#include "tool/render/replay.hpp"

#include <fmt/format.h>

#include "tool/model/json_value.hpp"
#include "tool/render/frames.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

double operations_per_second(const Replayed& replayed, const Placement& of) {
  return of.cpu_seconds > 0 ? static_cast<double>(replayed.demand.operations) / of.cpu_seconds : 0;
}

double steps_per_search(const Placement& of) {
  if (of.counters.searches == 0) return 0;
  return static_cast<double>(of.counters.steps) / static_cast<double>(of.counters.searches);
}

std::string share(double of) { return fmt::format("{:.1f} %", 100 * of); }

std::string demand_text(const std::string& file, const Replayed& replayed) {
  const Demand& demand = replayed.demand;
  std::string text = fmt::format(
      "{}: {} allocations, {} frees, {} resizes; at most {} live blocks and {} live bytes ({}); {} never "
      "freed\n",
      file, with_thousands(demand.allocations), with_thousands(demand.releases),
      with_thousands(demand.resizes), with_thousands(demand.peak_blocks), with_thousands(demand.peak_bytes),
      human_bytes(demand.peak_bytes), human_bytes(demand.live_bytes));
  if (replayed.skipped != 0)
    text += fmt::format("{} were no events or made no sense, and are left out\n",
                        counted(replayed.skipped, "line"));
  return text;
}

std::string heap_text(const Replayed& replayed) {
  Table table;
  table.row({"", "peak heap", "headers", "padding", "free", "internal", "external", "JW 1", "JW 2", "JW 3",
             "JW 4"});
  for (const Placement& of : replayed.placements) {
    const std::uint64_t internal = of.header_bytes + of.padding_bytes;
    table.row({of.policy, human_bytes(of.peak_heap), human_bytes(of.header_bytes),
               human_bytes(of.padding_bytes), human_bytes(of.free_bytes),
               percent(static_cast<double>(internal), static_cast<double>(of.heap_at_peak)),
               percent(static_cast<double>(of.free_bytes), static_cast<double>(of.heap_at_peak)),
               share(of.average), share(of.at_most_live), share(of.at_most_heap), share(of.of_peaks)});
  }
  return "Heap\n" + table.text("  ") +
         "  headers, padding and free: when most bytes were live; internal and external: their shares of the "
         "heap then;\n"
         "  JW: heap / live - 1 on the average (1), at most live (2), at the largest heap (3), of the two "
         "peaks (4)\n";
}

std::string work_text(const Replayed& replayed) {
  Table table;
  table.row(
      {"", "M op/s", "steps", "splits", "merges", "moved", "grown", "shrunk", "top free", "pages free"});
  for (const Placement& of : replayed.placements) {
    table.row({of.policy, fmt::format("{:.1f}", operations_per_second(replayed, of) / 1e6),
               fmt::format("{:.2f}", steps_per_search(of)), with_thousands(of.counters.splits),
               with_thousands(of.counters.merges), human_bytes(of.moved_bytes),
               with_thousands(of.counters.grows), with_thousands(of.counters.shrinks),
               human_bytes(of.end_top), human_bytes(of.end_pages)});
  }
  return "Work\n" + table.text("  ") +
         "  steps: of a search; moved: by resizes; at the end a break can give back what is free at its top, "
         "mappings\n"
         "  every page that is free\n" +
         fmt::format(
             "  M op/s: of the policy's own processor time; from the file, which took {:.2f} s of it to "
             "read, to the "
             "end of\n"
             "  all these: {:.2f} s, {:.1f} M op/s under each\n",
             replayed.reading_seconds, replayed.wall_seconds,
             static_cast<double>(replayed.demand.operations) / std::max(replayed.wall_seconds, 1e-9) / 1e6);
}

Json tenths_json(const Placement& of) {
  Json tenths = Json::array();
  for (const FreePieces& pieces : of.end_tenths)
    tenths.push_back({{"free_pieces", pieces.count}, {"free_bytes", pieces.bytes}});
  return tenths;
}

// What the source was asked, and what it could take back at the end: the break what is free at its top, mappings each whole free page.
std::string source_text(const Replayed& replayed) {
  const bool is_break = replayed.source == "sbrk";
  // A file is made longer before its new part is mapped.
  const std::uint64_t calls = replayed.source == "file" ? 2 : 1;
  Table table;
  table.row({"", "calls", "heap at end", "free", "returnable", "stranded"});
  for (const Placement& of : replayed.placements) {
    const std::uint64_t returnable = is_break ? of.end_top : of.end_pages;
    table.row({of.policy, with_thousands(calls * of.counters.grows + of.counters.shrinks),
               human_bytes(of.end_heap), human_bytes(of.end_free), human_bytes(returnable),
               human_bytes(of.end_free - returnable)});
  }
  return "Pages from " + replayed.source + "\n" + table.text("  ");
}

std::string allocators_text(const Replayed& replayed) {
  Table table;
  table.row({"", "M op/s", "CPU", "faults", "peak RSS", "kernel", "mmap", "munmap", "mremap", "madvise",
             "mprotect", "brk"});
  std::string remarks;
  for (const AllocatorReplay& of : replayed.allocators) {
    const double seconds = of.cpu_seconds();
    const double rate = seconds > 0 ? static_cast<double>(replayed.demand.operations) / seconds / 1e6 : 0;
    std::vector<std::string> cells = {of.name, fmt::format("{:.1f}", rate), human_ns(seconds * 1e9),
                                      with_thousands(of.faults()), human_bytes(of.peak_bytes())};
    if (of.calls) {
      const KernelCalls& calls = *of.calls;
      for (const std::uint64_t count :
           {calls.sum(), calls.map, calls.unmap, calls.remap, calls.advise, calls.protect, calls.move_break})
        cells.push_back(with_thousands(count));
    } else {
      cells.emplace_back("-");
      remarks += fmt::format("  {}: kernel calls are not known: {}\n", of.name, of.calls_reason);
    }
    table.row(cells);
    if (of.broken != 0)
      remarks += fmt::format("  {}: {} did not hold what was written to them\n", of.name,
                             counted(of.broken, "block"));
  }
  return "Allocators\n" + table.text("  ") + remarks +
         "  each in processes of its own, median of the rounds; CPU: of the operations alone, kernel "
         "included;\n"
         "  the first byte of a block and one in each page behind are written to; kernel: memory calls of a "
         "traced run\n";
}

std::string name_of(const std::vector<SourceFrame>& frames) {
  if (frames.empty()) return "(not known)";
  std::string name = frame_text(frames[0]);
  if (frames.size() > 1) name += " < " + frame_text(frames[1]);
  return name;
}

std::string site_text(const SiteAdvice& site, const std::vector<SourceFrame>& frames) {
  const bool arena = site.manager == SiteManager::kArena;
  const std::string why =
      arena ? fmt::format("{} that die together", counted(site.allocations, "block"))
            : fmt::format("{} of {} bytes, at most {} at once", counted(site.allocations, "block"),
                          site.largest, with_thousands(site.peak_blocks));
  return fmt::format("  {} for {}: {}; {} calls of malloc and free become {}\n",
                     arena ? "an arena" : "a pool", name_of(frames), why,
                     with_thousands(site.allocations + site.frees), with_thousands(site.operations));
}

// What would help beside the policy, with what replay makes of it.
std::string advice_text(const Replayed& replayed, const Placement& best) {
  const ReplayAdvice& advice = replayed.advice;
  std::string text;
  if (advice.helps(best)) {
    text += fmt::format("  --policy-big {}: blocks from this size on apart, a heap of {} at most\n",
                        advice.big, human_bytes(advice.apart->peak_heap));
  }
  for (std::size_t i = 0; i < advice.sites.size(); ++i) text += site_text(advice.sites[i], advice.frames[i]);
  if (advice.managed) {
    text +=
        fmt::format("  with {}: {} operations instead of {}, a heap of {} at most\n",
                    advice.sites.size() == 1 ? "that" : "these", with_thousands(advice.managed_operations),
                    with_thousands(replayed.demand.operations), human_bytes(advice.managed->peak_heap));
  }
  return text;
}

std::string recommendation_text(const Replayed& replayed, const Palette& palette) {
  std::string text;
  if (!replayed.placements.empty()) {
    const Placement& best = replayed.placements[replayed.recommended];
    text += palette.paint(Style::kBold, fmt::format("Recommended: {}", best.policy)) +
            fmt::format(", with a heap of {} at most, and {} of tables beside it\n",
                        human_bytes(best.peak_heap), human_bytes(best.table_bytes)) +
            advice_text(replayed, best);
  }
  if (replayed.measured) {
    const MeasuredRun& run = *replayed.measured;
    text += fmt::format(
        "  {}: a region of {} predicted, {} measured ({:+.1f} %); it served {} of {} allocations\n",
        run.command, human_bytes(run.predicted_bytes), human_bytes(run.measured_bytes),
        100 * (static_cast<double>(run.measured_bytes) / static_cast<double>(run.predicted_bytes) - 1),
        with_thousands(run.served), with_thousands(run.allocations));
  }
  if (!replayed.allocators.empty()) {
    const AllocatorReplay& best = replayed.allocators[recommended(replayed.allocators)];
    text += palette.paint(Style::kBold, fmt::format("Recommended allocator: {}", best.name)) +
            fmt::format(", with {} resident at most\n", human_bytes(best.peak_bytes()));
  }
  return text;
}

Json site_json(const SiteAdvice& site, const std::vector<SourceFrame>& frames) {
  Json stack = Json::array();
  for (const SourceFrame& frame : frames) stack.push_back(frame_json(frame));
  return {{"manager", site.manager == SiteManager::kArena ? "arena" : "pool"},
          {"allocations", site.allocations},
          {"frees", site.frees},
          {"bytes", site.bytes},
          {"peak_live_bytes", site.peak_bytes},
          {"peak_live_blocks", site.peak_blocks},
          {"phases", site.phases},
          {"largest_bytes", site.largest},
          {"operations_with_manager", site.operations},
          {"frames", stack}};
}

Json advice_json(const ReplayAdvice& advice) {
  Json json = {{"sites", Json::array()}, {"managed", nullptr}, {"apart", nullptr}};
  for (std::size_t i = 0; i < advice.sites.size(); ++i)
    json["sites"].push_back(site_json(advice.sites[i], advice.frames[i]));
  if (advice.managed) {
    json["managed"] = {{"operations", advice.managed_operations},
                       {"peak_heap_bytes", advice.managed->peak_heap}};
  }
  if (advice.apart)
    json["apart"] = {{"from_bytes", advice.big}, {"peak_heap_bytes", advice.apart->peak_heap}};
  return json;
}

Json allocator_json(const Replayed& replayed, const AllocatorReplay& of) {
  Json rounds = Json::array();
  for (const AllocatorRound& round : of.rounds) {
    rounds.push_back({{"cpu_s", round.cpu_seconds},
                      {"wall_s", round.wall_seconds},
                      {"minor_faults", round.minor_faults},
                      {"major_faults", round.major_faults},
                      {"peak_rss_bytes", round.peak_bytes},
                      {"refused", round.failed}});
  }
  Json json = {
      {"allocator", of.name},
      {"library", of.library},
      {"operations_per_second",
       of.cpu_seconds() > 0 ? static_cast<double>(replayed.demand.operations) / of.cpu_seconds() : 0},
      {"cpu_s", of.cpu_seconds()},
      {"wall_s", of.wall_seconds()},
      {"faults", of.faults()},
      {"peak_rss_bytes", of.peak_bytes()},
      {"broken_blocks", of.broken},
      {"rounds", rounds},
      {"kernel_calls", nullptr},
      {"kernel_calls_reason", nullptr}};
  if (!of.calls) {
    json["kernel_calls_reason"] = of.calls_reason;
    return json;
  }
  json["kernel_calls"] = {{"mmap", of.calls->map},         {"munmap", of.calls->unmap},
                          {"mremap", of.calls->remap},     {"madvise", of.calls->advise},
                          {"mprotect", of.calls->protect}, {"brk", of.calls->move_break}};
  return json;
}

Json placement_json(const Replayed& replayed, const Placement& of) {
  return {{"policy", of.policy},
          {"operations_per_second", operations_per_second(replayed, of)},
          {"searches", of.counters.searches},
          {"search_steps", of.counters.steps},
          {"splits", of.counters.splits},
          {"merges", of.counters.merges},
          {"moves", of.moves},
          {"moved_bytes", of.moved_bytes},
          {"refused", of.refused},
          {"grows", of.counters.grows},
          {"shrinks", of.counters.shrinks},
          {"peak_heap_bytes", of.peak_heap},
          {"at_most_live",
           {{"heap_bytes", of.heap_at_peak},
            {"header_bytes", of.header_bytes},
            {"padding_bytes", of.padding_bytes},
            {"free_bytes", of.free_bytes}}},
          {"fragmentation",
           {{"average", of.average},
            {"at_most_live", of.at_most_live},
            {"at_most_heap", of.at_most_heap},
            {"of_peaks", of.of_peaks}}},
          {"at_end",
           {{"heap_bytes", of.end_heap},
            {"free_bytes", of.end_free},
            {"break_can_return_bytes", of.end_top},
            {"mappings_can_return_bytes", of.end_pages},
            {"tenths", tenths_json(of)}}},
          {"table_bytes", of.table_bytes}};
}

}  // namespace

std::string replay_text(const std::string& file, const Replayed& replayed, const Palette& palette) {
  std::string text = demand_text(file, replayed);
  if (!replayed.placements.empty()) text += heap_text(replayed) + work_text(replayed);
  if (!replayed.placements.empty() && !replayed.source.empty()) text += source_text(replayed);
  if (!replayed.allocators.empty()) text += allocators_text(replayed);
  return text + recommendation_text(replayed, palette);
}

std::string replay_json(const std::string& file, const Replayed& replayed) {
  const Demand& demand = replayed.demand;
  Json json = {{"schema", "loam-replay/1"},
               {"file", file},
               {"operations", demand.operations},
               {"allocations", demand.allocations},
               {"frees", demand.releases},
               {"resizes", demand.resizes},
               {"peak_live_bytes", demand.peak_bytes},
               {"peak_live_blocks", demand.peak_blocks},
               {"never_freed_bytes", demand.live_bytes},
               {"skipped_lines", replayed.skipped},
               {"wall_s", replayed.wall_seconds},
               {"reading_cpu_s", replayed.reading_seconds}};
  json["policies"] = Json::array();
  for (const Placement& of : replayed.placements) json["policies"].push_back(placement_json(replayed, of));
  json["allocators"] = Json::array();
  for (const AllocatorReplay& of : replayed.allocators)
    json["allocators"].push_back(allocator_json(replayed, of));
  if (!replayed.placements.empty()) {
    const Placement& best = replayed.placements[replayed.recommended];
    json["recommended"] = {{"policy", best.policy},
                           {"heap_limit_bytes", best.peak_heap},
                           {"table_bytes", best.table_bytes},
                           {"advice", advice_json(replayed.advice)}};
    if (replayed.measured) {
      const MeasuredRun& run = *replayed.measured;
      json["recommended"]["verified"] = {{"command", run.command},
                                         {"predicted_region_bytes", run.predicted_bytes},
                                         {"measured_region_bytes", run.measured_bytes},
                                         {"served", run.served},
                                         {"allocations", run.allocations}};
    }
  }
  if (!replayed.allocators.empty()) {
    const AllocatorReplay& best = replayed.allocators[recommended(replayed.allocators)];
    json["recommended_allocator"] = {{"allocator", best.name}, {"peak_rss_bytes", best.peak_bytes()}};
  }
  return json_text(json);
}

}  // namespace loam::tool
