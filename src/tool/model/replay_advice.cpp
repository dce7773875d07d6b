#include "tool/model/replay_advice.hpp"

namespace loam::tool {
namespace {

// From where on the C library maps blocks, unless it has learnt otherwise.
constexpr std::uint64_t kBig = std::uint64_t{128} << 10;

}  // namespace

ReplayAdvice advise(OperationSource& source, detail::policy_kind kind, const ReplaySettings& settings,
                    const Demand& demand, std::vector<SiteAdvice> sites) {
  ReplayAdvice advice;
  std::unique_ptr<Simulation> managed;
  std::unique_ptr<Simulation> apart;
  if (!sites.empty()) managed = simulate(kind, settings);
  if (settings.big == 0 && demand.largest >= kBig) {
    ReplaySettings with_big = settings;
    with_big.big = kBig;
    apart = simulate(kind, with_big);
  }
  if (managed == nullptr && apart == nullptr) return advice;

  ManagedOperations managers(std::move(sites), demand.block_numbers);
  source.keep_origins();
  DemandCount count;
  DemandCount managed_count;
  std::vector<Operation> operations;
  std::vector<Operation> replaced;
  for (source.next(operations); !operations.empty(); source.next(operations)) {
    if (managed != nullptr) {
      managers.replace(operations, source.origins(), replaced);
      managed->apply(managed_count.count(replaced));
    }
    if (apart != nullptr) apart->apply(count.count(operations));
  }
  if (managed != nullptr) {
    advice.managed = managed->finish();
    advice.managed_operations = managed_count.demand().operations;
    advice.sites = managers.sites();
    for (const SiteAdvice& site : advice.sites) advice.frames.push_back(source.frames(site.stack));
  }
  if (apart != nullptr) {
    advice.apart = apart->finish();
    advice.big = kBig;
  }
  return advice;
}

}  // namespace loam::tool
