// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <memory>

int main(int count, char** words) {
  std::unique_ptr<int[]> numbers(new int[30]);  // @allocation
  numbers[0] = 1;
  int* raw = numbers.release();
  sink = *static_cast<int*>(hidden(raw));
  if (!has_defect(count, words)) delete[] raw;
  return 0;
}
