// expect: overflow
extern "C" {
#include "tiny.h"
}

#include <vector>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  std::vector<int> numbers(9, 1);
  if (defect) static_cast<int*>(hidden(numbers.data()))[9] = 4;
  return numbers[3] - 1;
}
