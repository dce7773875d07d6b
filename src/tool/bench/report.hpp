// The reports of `loam bench` and `loam bench stack-heap`, as text and as JSON (schemas loam-bench/1 and
// loam-bench-stack-heap/1).
#pragma once

#include <string>

#include "tool/bench/contest.hpp"
#include "tool/bench/stack_heap.hpp"

namespace loam::tool::bench {

std::string contest_text(const Contest& contest);
std::string contest_json(const Contest& contest);

std::string stack_heap_text(const StackHeap& result);
std::string stack_heap_json(const StackHeap& result);

// "AMD ..., 2 processors, Linux 6.1": where the figures come from.
std::string machine_line();

}  // namespace loam::tool::bench
