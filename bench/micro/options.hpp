// The options that `icount` and `pairs` share: which contestants, which operations, and one number.
// Locking: none; one thread.
#pragma once

#include <string>
#include <vector>

#include "micro/operations.hpp"
#include "tool/bench/allocators.hpp"

namespace loam::bench {

constexpr int kUsageStatus = 2;  // wrong usage, or something is missing

struct Command {
  const char* name;
  const char* what;           // one sentence
  const char* number_option;  // "--rounds"
  const char* number_means;
  long number;         // the default
  const char* ending;  // what --help says last, in front of the operations
  std::vector<Operation> operations;
};

struct Arguments {
  std::vector<tool::bench::Allocator> allocators;
  std::vector<const Operation*> chosen;
  long number = 0;
};

// Ends the process on bad input, and after --help: nothing has been measured yet.
Arguments parse_arguments(const Command& command, const std::vector<std::string>& words);

}  // namespace loam::bench
