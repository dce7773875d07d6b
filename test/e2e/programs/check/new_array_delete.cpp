// expect: mismatched-free
extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = new char[10];  // @allocation
  if (defect)
    delete static_cast<char*>(hidden(block));  // @access
  else
    delete[] block;
  return 0;
}
