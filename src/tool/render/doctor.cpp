#include "tool/render/doctor.hpp"

#include <fmt/format.h>

#include "tool/model/json_value.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

const char* word(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::kCan:
      return "can";
    case Verdict::Kind::kLimited:
      return "note";
    case Verdict::Kind::kCannot:
      return "cannot";
  }
  return "";
}

Style style(Verdict::Kind kind) {
  return kind == Verdict::Kind::kCan       ? Style::kGood
         : kind == Verdict::Kind::kLimited ? Style::kWarn
                                           : Style::kBad;
}

std::string price_table(const Prices& prices) {
  Table table;
  table.left(4);
  table.row({"", "median", "lowest", "samples"});
  for (const Price* price : prices.all()) {
    if (price->known) {
      table.row({price->what, human_ns(price->median_ns), human_ns(price->lowest_ns),
                 fmt::format("{}", price->repetitions)});
    } else {
      table.row({price->what, "-", "-", "-", price->reason});
    }
  }
  return table.text("  ");
}

// A huge fault brings 512 small pages: worth it once that many small faults would cost as much.
std::string break_even(const Prices& prices) {
  if (!prices.huge_fault.known || !prices.small_fault.known) return {};
  const double pages = prices.huge_fault.median_ns / prices.small_fault.median_ns;
  return fmt::format("  a huge page pays once {:.0f} of its 512 small pages ({:.0f} %) are touched\n", pages,
                     100 * pages / 512);
}

}  // namespace

std::string doctor_text(const Host& host, const Prices& prices, const Palette& palette) {
  std::string out = palette.paint(Style::kBold, "Machine") + "\n";
  out += fmt::format("  {}, {}, {} processors, {} of memory, pages of {}\n", host.kernel, host.machine,
                     host.processors, human_bytes(host.memory_bytes), human_bytes(host.page_bytes));
  out += fmt::format("  transparent huge pages: {}, defrag: {}\n\n", host.thp_mode, host.thp_defrag);
  out += palette.paint(Style::kBold, "Kernel features (tried here)") + "\n";
  Table features;
  features.left(2);
  for (const Feature& feature : host.features) {
    features.row({feature.name, feature.available ? "yes" : "no", feature.detail});
  }
  out += features.text("  ") + "\n" + palette.paint(Style::kBold, "Limits") + "\n";
  Table limits;
  limits.left(2);
  for (const Limit& limit : host.limits) limits.row({limit.name, limit.text, limit.meaning});
  out += limits.text("  ") + "\n" + palette.paint(Style::kBold, "Prices (measured just now)") + "\n";
  out += price_table(prices) + break_even(prices) + "\n";
  out += palette.paint(Style::kBold, "What loam can do here") + "\n";
  for (const Verdict& verdict : host.verdicts) {
    out += fmt::format("  {}  {}\n",
                       palette.paint(style(verdict.kind), fmt::format("{:<6}", word(verdict.kind))),
                       verdict.text);
  }
  return out;
}

std::string doctor_json(const Host& host, const Prices& prices) {
  Json out;
  out["schema"] = "loam-doctor/1";
  out["kernel"] = host.kernel;
  out["machine"] = host.machine;
  out["processors"] = host.processors;
  out["memory_bytes"] = host.memory_bytes;
  out["page_bytes"] = host.page_bytes;
  out["transparent_huge_pages"] = {{"enabled", host.thp_mode}, {"defrag", host.thp_defrag}};
  out["features"] = Json::array();
  for (const Feature& feature : host.features) {
    out["features"].push_back(
        {{"name", feature.name}, {"available", feature.available}, {"detail", feature.detail}});
  }
  out["limits"] = Json::array();
  for (const Limit& limit : host.limits) {
    Json entry{{"name", limit.name}, {"value", nullptr}, {"text", limit.text}, {"meaning", limit.meaning}};
    if (limit.value) entry["value"] = *limit.value;
    out["limits"].push_back(entry);
  }
  out["prices"] = prices_json(prices);
  out["verdicts"] = Json::array();
  for (const Verdict& verdict : host.verdicts) {
    out["verdicts"].push_back({{"kind", word(verdict.kind)}, {"text", verdict.text}});
  }
  return json_text(out);
}

}  // namespace loam::tool
