// policy_agreement RECORDING [MOST]: the operations of a recording under each placement policy and under its textbook form, which must
// place every block alike. Of a recording with more than MOST operations the first ones: a linear list takes its time.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/policy_agreement.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/operations.hpp"

namespace {

namespace detail = loam::detail;
using loam::test::TextbookBuddy;
using loam::test::TextbookFit;
using loam::test::TextbookSegregated;
using loam::tool::Operation;
using loam::tool::OperationKind;

// The number of the operation that they differ in, or the count of all.
template <class Policy, class Textbook>
std::size_t first_difference(const detail::policy_settings& settings, Textbook textbook,
                             const std::vector<Operation>& operations) {
  detail::policy_region<Policy> region;
  region.open(settings, loam::test::bare_addresses(), detail::map_table, loam::test::kFirstAddress);
  const std::uint64_t unit = settings.alignment;
  const auto units = [&](std::uint64_t bytes) { return bytes == 0 ? 1 : (bytes + unit - 1) / unit; };
  const auto place = [&](std::uint64_t address) { return (address - loam::test::kFirstAddress) / unit; };
  std::vector<std::uint64_t> blocks;
  std::size_t i = 0;
  for (; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.block >= blocks.size()) blocks.resize(operation.block + std::size_t{1});
    std::uint64_t& block = blocks[operation.block];
    const std::uint64_t alignment = std::uint64_t{1} << operation.log_alignment;
    bool same = true;
    if (operation.kind == OperationKind::kResize) {
      const bool stays = region.resize(block, operation.size == 0 ? 1 : operation.size);
      same = stays == textbook.resize(place(block), units(operation.size));
      if (same && stays) continue;
    }
    const std::uint64_t old = operation.kind == OperationKind::kAllocate ? 0 : block;
    if (same && operation.kind != OperationKind::kRelease) {
      block = region.allocate(operation.size, alignment);
      same = place(block) == textbook.allocate(units(operation.size), units(alignment));
    }
    if (same && old != 0) {
      region.release(old);
      textbook.release(place(old));
    }
    if (!same || region.end() - loam::test::kFirstAddress != textbook.end() * unit) break;
  }
  region.close();
  return i;
}

std::size_t first_difference(detail::policy_kind kind, const std::vector<Operation>& operations) {
  using Choice = TextbookFit::Choice;
  using detail::policy_kind;
  const detail::policy_settings settings = loam::test::settings_of(kind);
  const loam::test::TextbookShape shape = loam::test::shape_of(settings);
  const auto fit = [&](Choice choice) { return TextbookFit(choice, shape); };
  switch (kind) {
    case policy_kind::first_fit:
      return first_difference<detail::first_fit_policy>(settings, fit(Choice::kFirst), operations);
    case policy_kind::next_fit:
      return first_difference<detail::next_fit_policy>(settings, fit(Choice::kNext), operations);
    case policy_kind::best_fit:
      return first_difference<detail::best_fit_policy>(settings, fit(Choice::kBest), operations);
    case policy_kind::worst_fit:
      return first_difference<detail::worst_fit_policy>(settings, fit(Choice::kWorst), operations);
    case policy_kind::tlsf:
      return first_difference<detail::tlsf_policy>(settings, fit(Choice::kTlsf), operations);
    case policy_kind::buddy:
      return first_difference<detail::buddy_policy>(settings, TextbookBuddy(shape), operations);
    case policy_kind::segregated:
      return first_difference<detail::segregated_policy>(settings, TextbookSegregated(shape), operations);
  }
  return 0;
}

std::vector<Operation> read_operations(const std::string& path, std::size_t most) {
  const auto source = loam::tool::open_operations(path);
  std::vector<Operation> all;
  std::vector<Operation> piece;
  for (source->next(piece); !piece.empty() && all.size() < most; source->next(piece))
    all.insert(all.end(), piece.begin(), piece.end());
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return 2;
  try {
    const std::vector<Operation> operations =
        read_operations(words[1], count > 2 ? std::strtoull(words[2], nullptr, 10) : ~std::size_t{0});
    bool agree = true;
    for (unsigned kind = 0; kind < detail::policy_kinds; ++kind) {
      const std::size_t same = first_difference(static_cast<detail::policy_kind>(kind), operations);
      std::printf("%s %zu of %zu\n", detail::policy_names[kind], same, operations.size());
      agree = agree && same == operations.size();
    }
    return agree ? 0 : 1;
  } catch (const loam::tool::Failure& failure) {
    std::fprintf(stderr, "policy_agreement: %s\n", failure.what());
    return 2;
  }
}
