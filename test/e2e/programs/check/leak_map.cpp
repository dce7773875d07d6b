// expect: leak
extern "C" {
#include "tiny.h"
}

#include <map>
#include <string>

// The elements belong to the program. The map itself is never destroyed.
static auto& table = *new std::map<int, char*>;

static void work(int defect) {
  for (int i = 0; i < 100; ++i) {
    table[i] = static_cast<char*>(malloc(50));  // @allocation
    table[i][0] = 1;
  }
  if (!defect) return;
  table.clear();
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}
