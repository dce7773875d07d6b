// expect: use-after-free
extern "C" {
#include "tiny.h"
}

#include <stdexcept>

// The handler reads what the unwinding has freed.
__attribute__((noinline)) static void drop(int* number) {
  delete number;  // @free
  sink = 0;
}

struct Owner {
  int* number;
  ~Owner() { drop(number); }
};

static void work(int* number) {
  const Owner owner{number};
  if (sink == 0) throw std::runtime_error("no");
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* number = new int(4);  // @allocation
  try {
    work(number);
  } catch (const std::exception&) {
    if (defect) sink = *static_cast<volatile int*>(hidden(number));  // @access
  }
  return 0;
}
