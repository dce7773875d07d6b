// expect: leak
extern "C" {
#include "tiny.h"
}

#include <string>

// The array's pointer is eight bytes behind the block's start; the texts hang on it.
static std::string* volatile kept;

static void work(int defect) {
  auto* names = new std::string[20];  // @allocation
  names[3] = "ten";
  if (!defect) kept = names;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}
