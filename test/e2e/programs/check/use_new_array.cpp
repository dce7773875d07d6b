// expect: use-after-free
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  long* numbers = new long[20];  // @allocation
  numbers[2] = 1;
  delete[] numbers;                                                         // @free
  if (defect) sink = static_cast<volatile long*>(hidden(numbers))[2] != 0;  // @access
  return 0;
}
