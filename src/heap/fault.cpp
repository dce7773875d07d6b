#include "heap/fault.hpp"

namespace loam::heap {

constinit FaultHandler fault_handler = nullptr;

void raise_fault(const Fault& fault) {
  if (fault_handler != nullptr) fault_handler(fault);
}

}  // namespace loam::heap
