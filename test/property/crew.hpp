// Several threads on one heap that hand blocks to each other.
#pragma once

#include <cstdint>
#include <string>

namespace loam::property {

// Every thread allocates, checks and frees its own blocks and those it was handed; some threads end and are replaced
// meanwhile. Returns an empty string, or what is wrong. The order of events is the machine's: a seed repeats what each
// thread does, not when.
std::string run_crew(unsigned threads, uint64_t seed, uint64_t operations);

}  // namespace loam::property
