// expect: mismatched-free
extern "C" {
#include "tiny.h"
}

struct Base {
  int first = 1;
};
struct Derived : Base {
  int more[20] = {};
};

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  Base* block = new Derived;  // @allocation
  if (defect)
    delete static_cast<Base*>(hidden(block));  // @access
  else
    delete static_cast<Derived*>(block);
  return 0;
}
