// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <stdexcept>

static void check(int value) {
  if (value > 3) throw std::out_of_range("too large");
}

static void work(bool defect) {
  char* buffer = new char[60];  // @allocation
  buffer[0] = 4;
  sink = *static_cast<char*>(hidden(buffer));
  if (!defect) delete[] buffer;
  check(buffer == nullptr ? 1 : 4);
  delete[] buffer;
}

int main(int count, char** words) {
  try {
    work(has_defect(count, words));
  } catch (const std::out_of_range& error) {
    sink = error.what()[0];
  }
  return 0;
}
