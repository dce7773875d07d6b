// policy-alone RECORDING [--policy LIST] [--rounds N] [--piece N]: what the placement policies cost with nothing beside them. The
// recording is decoded before; then they take turns at all of its operations, in one thread, in pieces of N operations (a million unless
// given). Printed is the least of the rounds, of the processor time that `loam replay` prints too.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tool/model/failure.hpp"
#include "tool/model/operations.hpp"
#include "tool/model/simulation.hpp"

namespace {

using loam::detail::policy_kind;
using loam::tool::Operation;

struct Options {
  std::string file;
  std::string policies;
  int rounds = 3;
  std::size_t piece = 1'000'000;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      options.file = word;
      continue;
    }
    if (++i == argc) return false;
    if (word == "--policy")
      options.policies = std::string(",") + argv[i] + ",";
    else if (word == "--rounds")
      options.rounds = std::atoi(argv[i]);
    else if (word == "--piece")
      options.piece = std::strtoull(argv[i], nullptr, 10);
    else
      return false;
  }
  return !options.file.empty() && options.rounds > 0 && options.piece > 0;
}

std::vector<Operation> decode(const std::string& file) {
  const auto source = loam::tool::open_operations(file);
  std::vector<Operation> all;
  std::vector<Operation> piece;
  for (source->next(piece); !piece.empty(); source->next(piece))
    all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

double nanoseconds(policy_kind kind, const std::vector<Operation>& operations, std::size_t piece) {
  const auto simulation = loam::tool::simulate(kind, loam::tool::ReplaySettings());
  loam::tool::DemandCount count;
  for (std::size_t at = 0; at < operations.size(); at += piece) {
    const std::size_t size = std::min(piece, operations.size() - at);
    simulation->apply(count.count({operations.data() + at, size}));
  }
  return simulation->finish().cpu_seconds / static_cast<double>(operations.size()) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("Usage: policy-alone RECORDING [--policy LIST] [--rounds N] [--piece N]\n", stderr);
    return 2;
  }
  try {
    const std::vector<Operation> operations = decode(options.file);
    std::vector<double> least(loam::detail::policy_kinds, 1e9);
    for (int round = 0; round < options.rounds; ++round) {
      for (unsigned i = 0; i < loam::detail::policy_kinds; ++i) {
        const std::string name = std::string(",") + loam::detail::policy_names[i] + ",";
        if (!options.policies.empty() && options.policies.find(name) == std::string::npos) continue;
        least[i] = std::min(least[i], nanoseconds(static_cast<policy_kind>(i), operations, options.piece));
      }
    }
    for (unsigned i = 0; i < loam::detail::policy_kinds; ++i) {
      if (least[i] < 1e9)
        std::printf("%-10s %6.1f ns an operation, %5.1f M op/s\n", loam::detail::policy_names[i], least[i],
                    1e3 / least[i]);
    }
  } catch (const loam::tool::Failure& failure) {
    std::fprintf(stderr, "policy-alone: %s\n", failure.what());
    return 1;
  }
  return 0;
}
