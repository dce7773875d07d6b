// expect: overflow
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* numbers = new int[11];  // @allocation
  if (defect) static_cast<int*>(hidden(numbers))[11] = 4;
  delete[] numbers;
  return 0;
}
