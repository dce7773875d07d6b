// expect: use-after-free
#include <map>

extern "C" {
#include "tiny.h"
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  std::map<int, int> numbers;
  for (int i = 0; i < 10; ++i) numbers[i] = i;
  int* inside = &numbers[5];
  numbers.erase(5);
  if (defect) *static_cast<volatile int*>(hidden(inside)) = 1;
  return 0;
}
