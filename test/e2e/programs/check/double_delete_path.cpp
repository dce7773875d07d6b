// expect: double-free
extern "C" {
#include "tiny.h"
}

static void work(int* block, int fails) {
  delete block;  // @free
  if (fails) throw 1;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = new int(4);  // @allocation
  try {
    work(block, defect);
  } catch (int) {
    if (defect) delete static_cast<int*>(hidden(block));  // @access
  }
  return 0;
}
