// expect: mismatched-free
extern "C" {
#include "tiny.h"
}

#include <cstdlib>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = new int(1);  // @allocation
  if (defect)
    std::free(hidden(block));  // @access
  else
    delete block;
  return 0;
}
