// expect: leak
extern "C" {
#include "tiny.h"
}

#include <vector>

// What the container holds hangs on it.
static void work(int defect) {
  auto* numbers = new std::vector<int>;  // @allocation
  for (int i = 0; i < 1000; ++i) numbers->push_back(i);
  if (!defect) delete numbers;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}
