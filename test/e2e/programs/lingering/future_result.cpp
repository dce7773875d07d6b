// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <future>

int main(int count, char** words) {
  std::future<int*> answer = std::async(std::launch::async, [] { return new int(42); });  // @allocation
  int* number = answer.get();
  sink = *number;
  if (!has_defect(count, words)) delete number;
  return 0;
}
