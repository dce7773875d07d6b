// expect: underflow, with --flip
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  long* numbers = new long[7];                                               // @allocation
  if (defect) sink = static_cast<volatile long*>(hidden(numbers))[-1] != 0;  // @access
  delete[] numbers;
  return 0;
}
