// expect: leak
extern "C" {
#include "tiny.h"
}

#include <stdexcept>

static void fail() {
  if (sink == 0) throw std::runtime_error("no");
}

static void work(int defect) {
  int* numbers = new int[50];  // @allocation
  numbers[0] = 1;
  if (!defect) delete[] numbers;
  fail();
  if (defect) delete[] numbers;
}

int main(int count, char** words) {
  try {
    work(has_defect(count, words));
  } catch (const std::exception&) {
    return 0;
  }
  return 1;
}
