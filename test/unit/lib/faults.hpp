// Counts what pools refuse, instead of ending the test.
#pragma once

#include <loam/detail/pool_pages.hpp>

#include <mutex>
#include <vector>

namespace loam {

class collected_faults {
 public:
  collected_faults() : before_(set_pool_fault_handler(&note)) { seen().clear(); }
  collected_faults(const collected_faults&) = delete;
  collected_faults& operator=(const collected_faults&) = delete;
  ~collected_faults() { set_pool_fault_handler(before_); }

  static std::vector<pool_fault>& seen() {
    static std::vector<pool_fault> faults;
    return faults;
  }

 private:
  static void note(pool_fault fault, const void*) {
    static std::mutex mutex;
    std::lock_guard lock(mutex);
    seen().push_back(fault);
  }
  pool_fault_handler before_;
};

}  // namespace loam
