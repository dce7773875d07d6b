// lost: 20
extern "C" {
#include "../check/tiny.h"
}

#include <vector>

int main(int count, char** words) {
  const bool defect = has_defect(count, words);
  std::vector<int*> numbers;
  for (int i = 0; i < 20; ++i) numbers.push_back(new int(i));  // @allocation
  for (const int* number : numbers) sink = *number;
  if (!defect) {
    for (int* number : numbers) delete number;
  }
  numbers.clear();
  numbers.shrink_to_fit();
  return 0;
}
