#include "tool/model/chain_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tool/model/control_client.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/leak_report.hpp"
#include "tool/model/suppressions.hpp"
#include "tool/model/symbols.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 20;

bool is_allocated_by(const CallStacks::Text& stack, const std::string& function) {
  return std::any_of(stack.frames.begin(), stack.frames.end(), [&](const SourceFrame& frame) {
    return matches_pattern("*" + function + "*", frame.function);
  });
}

// The stack of the place with most bytes that the function has part in.
std::uint64_t find_site(std::uint64_t pid, const std::string& function) {
  const LeakReport report = look_for_leaks(pid);
  Symbols symbols;
  const ReachableSite* found = nullptr;
  for (const ReachableSite& site : report.sites) {
    if (site.blocks == 0 || (found != nullptr && site.bytes <= found->bytes)) continue;
    if (is_allocated_by(report.stacks.describe(site.stack, symbols), function)) found = &site;
  }
  if (found == nullptr) {
    throw Failure(
        kExitFailure,
        fmt::format("no reachable block is known to come from '{}': without 'loam run --stacks' only "
                    "those of a sample are known",
                    function));
  }
  return found->stack;
}

void read_links(const std::vector<char>& payload, ChainReport& report) {
  const Failure cut(kExitFailure, "the answer is cut short");
  if (payload.size() < sizeof report.header) throw cut;
  std::memcpy(&report.header, payload.data(), sizeof report.header);
  if (report.header.version != format::kLeaksVersion)
    throw Failure(kExitFailure, "its libloam.so answers in another version than this tool knows");
  if (report.header.links > format::kMostChainLinks) throw cut;
  report.links.resize(report.header.links);
  const std::size_t bytes = report.links.size() * sizeof(format::ChainLink);
  if (payload.size() != sizeof report.header + bytes + sizeof(format::LeakTrailer)) throw cut;
  if (bytes != 0) std::memcpy(report.links.data(), payload.data() + sizeof report.header, bytes);
}

}  // namespace

ChainReport ask_chain(std::uint64_t pid, const std::string& subject) {
  ChainReport report;
  report.pid = pid;
  report.subject = subject;
  Question question{format::Ask::kChain, format::kLeaksMilliseconds, kMostBytes};
  char* end = nullptr;
  question.subject = std::strtoull(subject.c_str(), &end, 16);
  question.by_site = !subject.starts_with("0x") || *end != '\0';
  if (question.by_site) question.subject = find_site(pid, subject);
  read_links(ask_for_leaks(pid, question), report);
  if (report.header.state == format::ChainState::kHeld)
    report.root =
        report.header.root == 0 ? "a register" : ModuleMap::of_process(pid).place(report.header.root);
  return report;
}

}  // namespace loam::tool
