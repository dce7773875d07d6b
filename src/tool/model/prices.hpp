// What the kernel charges on this machine, measured here and now: the prices of `loam doctor`, and the factors by
// which `loam run` turns counts of calls and faults into time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace loam::tool {

enum class Effort {
  kQuick,     // tens of milliseconds: at the end of a run
  kThorough,  // about a second: loam doctor
};

struct Price {
  std::string name;  // in JSON
  std::string what;  // for people
  bool known = false;
  double median_ns = 0;
  double lowest_ns = 0;
  unsigned repetitions = 0;
  std::string reason;  // why it is not known
};

struct Prices {
  Price system_call;
  Price small_fault;      // first touch of a 4 KiB page of anonymous memory
  Price huge_fault;       // first touch of a 2 MiB huge page
  Price map_pair;         // mmap and munmap of an untouched page
  Price map_touch_unmap;  // the same with the page touched
  Price dontneed_page;    // MADV_DONTNEED of a touched page, per page of 256
  Price mremap_page;      // moving a mapping of one touched page

  std::vector<const Price*> all() const;
};

Prices measure_prices(Effort effort);

}  // namespace loam::tool
