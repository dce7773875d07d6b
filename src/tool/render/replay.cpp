#include "tool/render/replay.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

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
         "  every page that is free\n";
}

nlohmann::ordered_json tenths_json(const Placement& of) {
  nlohmann::ordered_json tenths = nlohmann::ordered_json::array();
  for (const FreePieces& pieces : of.end_tenths)
    tenths.push_back({{"free_pieces", pieces.count}, {"free_bytes", pieces.bytes}});
  return tenths;
}

nlohmann::ordered_json placement_json(const Replayed& replayed, const Placement& of) {
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
  if (replayed.placements.empty()) return text;
  text += heap_text(replayed) + work_text(replayed);
  const Placement& best = replayed.placements[recommended(replayed.placements)];
  return text + palette.paint(Style::kBold, fmt::format("Recommended: {}", best.policy)) +
         fmt::format(", with a heap of {} at most\n", human_bytes(best.peak_heap));
}

std::string replay_json(const std::string& file, const Replayed& replayed) {
  const Demand& demand = replayed.demand;
  nlohmann::ordered_json json = {{"schema", "loam-replay/1"},
                                 {"file", file},
                                 {"operations", demand.operations},
                                 {"allocations", demand.allocations},
                                 {"frees", demand.releases},
                                 {"resizes", demand.resizes},
                                 {"peak_live_bytes", demand.peak_bytes},
                                 {"peak_live_blocks", demand.peak_blocks},
                                 {"never_freed_bytes", demand.live_bytes},
                                 {"skipped_lines", replayed.skipped}};
  json["policies"] = nlohmann::ordered_json::array();
  for (const Placement& of : replayed.placements) json["policies"].push_back(placement_json(replayed, of));
  if (!replayed.placements.empty()) {
    const Placement& best = replayed.placements[recommended(replayed.placements)];
    json["recommended"] = {{"policy", best.policy}, {"heap_limit_bytes", best.peak_heap}};
  }
  return json_text(json);
}

}  // namespace loam::tool
