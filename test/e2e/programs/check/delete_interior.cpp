// expect: invalid-free
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = new int[10];                                   // @allocation
  if (defect) delete[] static_cast<int*>(hidden(block + 1));  // @access
  delete[] block;
  return 0;
}
