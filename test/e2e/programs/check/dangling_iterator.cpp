// expect: use-after-free
extern "C" {
#include "tiny.h"
}

#include <vector>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  std::vector<int> numbers(10, 1);
  const int* first = numbers.data();
  numbers.resize(1000, 2);
  if (defect) sink = *static_cast<const volatile int*>(hidden(const_cast<int*>(first)));  // @access
  return 0;
}
