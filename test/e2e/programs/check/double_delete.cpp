// expect: double-free
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = new int(4);                              // @allocation
  delete block;                                         // @free
  if (defect) delete static_cast<int*>(hidden(block));  // @access
  return 0;
}
