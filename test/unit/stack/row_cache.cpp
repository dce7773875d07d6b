#include "stack/row_cache.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "libgcc.hpp"
#include "stack/modules.hpp"

namespace loam::stack {
namespace {

// Return addresses that there are now.
[[gnu::noinline]] std::vector<uint64_t> addresses() { return by_libgcc(__builtin_dwarf_cfa()); }

TEST(RowCache, SaysWhatTheRulesSay) {
  ASSERT_TRUE(prepare_rows());
  ASSERT_TRUE(prepare_rows());
  const auto pcs = addresses();
  ASSERT_GT(pcs.size(), 5u);
  for (const uint64_t pc : pcs) {
    const Module* module = module_at(pc);
    ASSERT_NE(module, nullptr);
    Entry entry;
    Rules rules;
    ASSERT_TRUE(find_entry(module->frames, pc - 1, entry) && run_rules(entry, pc - 1, rules));
    Row expected = row_of(rules, entry.signal_frame);
    expected.module = module->id;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(row_at(pc).packed(), expected.packed());
  }
}

TEST(RowCache, MakesARowOnce) {
  ASSERT_TRUE(prepare_rows());
  const auto pcs = addresses();
  for (const uint64_t pc : pcs) row_at(pc);
  const uint64_t made = rows_made();
  for (const uint64_t pc : pcs) row_at(pc);
  EXPECT_EQ(rows_made(), made);
  modules_changed();
  for (const uint64_t pc : pcs) row_at(pc);
  EXPECT_EQ(rows_made(), made + pcs.size());
}

TEST(RowCache, KnowsNothingOfCodeOfNoModule) {
  ASSERT_TRUE(prepare_rows());
  int local = 0;
  const Row row = row_at(reinterpret_cast<uint64_t>(&local));
  EXPECT_EQ(row.kind, RowKind::kUnknown);
  EXPECT_EQ(row.module, 0);
}

// More addresses than the table has room for, from several threads.
TEST(RowCache, ThreadsSeeWholeRows) {
  ASSERT_TRUE(prepare_rows());
  const Module* module = module_at(addresses()[0]);
  std::vector<uint64_t> pcs;
  std::vector<uint64_t> expected;
  for (uint64_t pc = addresses()[0] & ~uint64_t{0xfff}; pcs.size() < 3000; pc += 3) {
    if (!module->holds(pc)) break;
    pcs.push_back(pc);
    expected.push_back(row_at(pc).packed());
  }
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t round = 0; round < 40; ++round) {
        for (size_t i = 0; i < pcs.size(); ++i) {
          const size_t at = (i * (t + 1)) % pcs.size();
          ASSERT_EQ(row_at(pcs[at]).packed(), expected[at]);
        }
        if (t == 0 && round % 10 == 0) modules_changed();
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace loam::stack
