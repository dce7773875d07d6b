// expect: overflow
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = new int[6];  // @allocation
  if (defect) static_cast<int*>(hidden(block))[6] = 7;
  delete[] block;
  return 0;
}
