// Carries out what replay recommends: runs the recorded program again on that policy, and tells how large its region really became.
#pragma once

#include <cstdint>
#include <string>

namespace loam::tool {

struct VerifiedRun {
  std::string policy;
  std::string source;
  std::uint64_t header = 0;
  std::uint64_t big = 0;
};

struct Verified {
  std::uint64_t peak_bytes = 0;   // of the region
  std::uint64_t served = 0;       // allocations by it
  std::uint64_t allocations = 0;  // of all
};

// The program's standard output is thrown away, its standard error passed on. Throws Failure when the recording does not know its
// program, or when it does not end by itself.
Verified verify(const std::string& recording, const VerifiedRun& run);

}  // namespace loam::tool
