// expect: mismatched-free
extern "C" {
#include "tiny.h"
}

#include <cstdlib>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = static_cast<int*>(std::malloc(sizeof(int)));  // @allocation
  if (defect)
    delete static_cast<int*>(hidden(block));  // @access
  else
    std::free(block);
  return 0;
}
