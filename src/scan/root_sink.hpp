// Who is told what the roots hold. No pure functions: the C++ library would have to be there for them.
#pragma once

#include <cstdint>

namespace loam::scan {

class RootSink {
 public:
  virtual void add_word(uint64_t word) { (void)word; }
  // Every aligned word of the range, which is readable.
  virtual void add_range(uint64_t start, uint64_t end) { (void)start, (void)end; }
  // Every word of the range, which is readable, at whatever address: instructions hold pointers where they happen to lie.
  virtual void add_code(uint64_t start, uint64_t end) { (void)start, (void)end; }
  // After a piece of the roots: whoever keeps what was found may go on from there.
  virtual void drain() {}

 protected:
  ~RootSink() = default;
};

}  // namespace loam::scan
