// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <map>
#include <string>

// The map itself is reachable, and never destroyed.
static auto& names = *new std::map<int, std::string*>;

int main(int count, char** words) {
  for (int i = 0; i < 10; ++i) names[i] = new std::string("name");  // @allocation
  if (!has_defect(count, words)) delete names[4];
  names.erase(4);
  return 0;
}
