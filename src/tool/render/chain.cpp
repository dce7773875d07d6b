#include "tool/render/chain.hpp"

#include <fmt/format.h>

#include "tool/model/json_value.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

using format::ChainState;

constexpr std::size_t kShown = 8;  // at each end

const char* state_name(ChainState state) {
  return state == ChainState::kHeld ? "held" : state == ChainState::kLost ? "lost" : "no block";
}

std::string link_text(const format::ChainLink& link, bool first) {
  return first ? fmt::format("  {:#x} ({} bytes)\n", link.address, link.bytes)
               : fmt::format("  <- {:#x} ({} bytes), at byte {}\n", link.address, link.bytes, link.offset);
}

std::string root_text(const ChainReport& report) {
  if (report.header.left_out != 0)
    return fmt::format("  <- {} more blocks\n  <- {}\n", report.header.left_out, report.root);
  if (report.header.root == 0) return fmt::format("  <- {}\n", report.root);
  return fmt::format("  <- {:#x} in {}\n", report.header.root, report.root);
}

}  // namespace

std::string chain_text(const ChainReport& report, const Palette& palette) {
  if (report.header.state == ChainState::kNoBlock)
    return fmt::format("process {}: no block in use at {}\n", report.pid, report.subject);
  if (report.header.state == ChainState::kLost)
    return palette.paint(
        Style::kBad, fmt::format("process {}: nothing holds {}: it is lost\n", report.pid, report.subject));
  std::string out = fmt::format("process {}: {} is held\n", report.pid, report.subject);
  const std::size_t count = report.links.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (count > 2 * kShown + 1 && i == kShown) {
      out += fmt::format("  <- {} blocks between\n", count - 2 * kShown);
      i = count - kShown;
    }
    out += link_text(report.links[i], i == 0);
  }
  return out + root_text(report);
}

std::string chain_json(const ChainReport& report) {
  Json out;
  out["schema"] = "loam-chain/1";
  out["pid"] = report.pid;
  out["subject"] = report.subject;
  out["state"] = state_name(report.header.state);
  out["pause_ns"] = report.header.pause_ns;
  out["links"] = Json::array();
  for (const format::ChainLink& link : report.links)
    out["links"].push_back(
        {{"address", fmt::format("{:#x}", link.address)}, {"bytes", link.bytes}, {"offset", link.offset}});
  out["left_out"] = report.header.left_out;
  if (report.header.state == ChainState::kHeld) {
    out["root"] = {{"place", report.root},
                   {"address", report.header.root == 0 ? Json(nullptr)
                                                       : Json(fmt::format("{:#x}", report.header.root))}};
  }
  return json_text(out);
}

}  // namespace loam::tool
