// expect: underflow
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  long* block = new long[6];  // @allocation
  if (defect) static_cast<long*>(hidden(block))[-1] = 7;
  delete[] block;
  return 0;
}
