// Random calls to a placement policy and to its textbook form, which must agree on every answer; and what holds for any policy.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <loam/detail/policy_map_table.hpp>
#include <loam/detail/policy_region.hpp>
#include <memory>
#include <random>

#include "support/textbook_classes.hpp"

namespace loam::test {

namespace detail = loam::detail;

// Addresses with nothing behind them.
inline detail::page_source bare_addresses() {
  return {nullptr, [](void*, std::uint64_t end, std::uint64_t) { return end; },
          [](void*, std::uint64_t, std::uint64_t) { return true; }};
}

struct Random {
  std::uint64_t seed;
  std::mt19937_64 engine{seed};
  std::uint64_t below(std::uint64_t limit) { return engine() % limit; }
  // Mostly small, some of several pages, as programs ask.
  std::uint64_t size() {
    const std::uint64_t shape = below(100);
    if (shape < 60) return 1 + below(128);
    if (shape < 95) return 1 + below(2048);
    return 1 + below(below(10) == 0 ? 200'000 : 20'000);
  }
  std::uint64_t alignment() { return below(20) == 0 ? std::uint64_t{16} << below(9) : 1; }
};

// LOAM_SEED of the environment, or another each time.
inline std::uint64_t chosen_seed() {
  const char* given = std::getenv("LOAM_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

constexpr std::uint64_t kFirstAddress = std::uint64_t{1} << 40;
constexpr std::uint64_t kPageBytes = 4096;

inline detail::policy_settings settings_of(detail::policy_kind kind) {
  detail::policy_settings settings;
  if (kind == detail::policy_kind::tlsf) settings.minimum = 32;
  return settings;
}

inline TextbookShape shape_of(const detail::policy_settings& settings) {
  const std::uint64_t unit = settings.alignment;
  return {settings.minimum / unit, settings.grow_step / unit, settings.shrink_above / unit,
          kPageBytes / unit};
}

// Requires: no header.
template <class Policy, class Textbook>
void expect_agreement(const detail::policy_settings& settings, Textbook textbook, std::uint64_t calls,
                      std::size_t most_live, std::uint64_t seed) {
  SCOPED_TRACE("LOAM_SEED=" + std::to_string(seed));
  detail::policy_region<Policy> region;
  region.open(settings, bare_addresses(), detail::map_table, kFirstAddress);
  Random random{seed};
  std::vector<std::uint64_t> live;
  const auto place = [&](std::uint64_t address) { return (address - kFirstAddress) / settings.alignment; };
  const auto units = [&](std::uint64_t bytes) {
    return (bytes + settings.alignment - 1) / settings.alignment;
  };
  std::uint64_t phase = most_live;
  for (std::uint64_t i = 0; i < calls; ++i) {
    // The number of live blocks swings, so that there is growth and shrinkage.
    if (i % (2 * most_live) == 0) phase = 1 + random.below(most_live);
    const bool allocate = live.empty() || (live.size() < phase && random.below(3) != 0);
    if (allocate) {
      const std::uint64_t bytes = random.size();
      const std::uint64_t alignment = random.alignment();
      const std::uint64_t address = region.allocate(bytes, alignment);
      ASSERT_EQ(place(address), textbook.allocate(units(bytes), units(alignment))) << "call " << i;
      live.push_back(address);
    } else {
      std::uint64_t& chosen = live[random.below(live.size())];
      if (random.below(8) == 0) {
        const std::uint64_t bytes = random.size();
        ASSERT_EQ(region.resize(chosen, bytes), textbook.resize(place(chosen), units(bytes))) << "call " << i;
        ASSERT_EQ(region.size_of(chosen), textbook.size_of(place(chosen)) * settings.alignment);
        continue;
      }
      ASSERT_TRUE(region.release(chosen));
      ASSERT_FALSE(region.release(chosen)) << "the same block twice";
      textbook.release(place(chosen));
      chosen = live.back();
      live.pop_back();
    }
    ASSERT_EQ(region.end() - kFirstAddress, textbook.end() * settings.alignment) << "call " << i;
  }
  EXPECT_EQ(region.counters().free_blocks, textbook.free_blocks());
  region.close();
}

inline void expect_agreement(detail::policy_kind kind, std::uint64_t calls, std::size_t most_live) {
  const detail::policy_settings settings = settings_of(kind);
  const TextbookShape shape = shape_of(settings);
  const std::uint64_t seed = chosen_seed();
  using detail::policy_kind;
  using Choice = TextbookFit::Choice;
  const auto fit = [&](Choice choice) { return TextbookFit(choice, shape); };
  switch (kind) {
    case policy_kind::first_fit:
      return expect_agreement<detail::first_fit_policy>(settings, fit(Choice::kFirst), calls, most_live,
                                                        seed);
    case policy_kind::next_fit:
      return expect_agreement<detail::next_fit_policy>(settings, fit(Choice::kNext), calls, most_live, seed);
    case policy_kind::best_fit:
      return expect_agreement<detail::best_fit_policy>(settings, fit(Choice::kBest), calls, most_live, seed);
    case policy_kind::worst_fit:
      return expect_agreement<detail::worst_fit_policy>(settings, fit(Choice::kWorst), calls, most_live,
                                                        seed);
    case policy_kind::tlsf:
      return expect_agreement<detail::tlsf_policy>(settings, fit(Choice::kTlsf), calls, most_live, seed);
    case policy_kind::buddy:
      return expect_agreement<detail::buddy_policy>(settings, TextbookBuddy(shape), calls, most_live, seed);
    case policy_kind::segregated:
      return expect_agreement<detail::segregated_policy>(settings, TextbookSegregated(shape), calls,
                                                         most_live, seed);
  }
}

}  // namespace loam::test
