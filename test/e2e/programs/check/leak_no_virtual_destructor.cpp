// expect: leak
extern "C" {
#include "tiny.h"
}

#include <string>

// The destructor of the base does not know of the text.
struct Base {
  int id = 1;
};
struct Derived : Base {
  std::string text = std::string(200, 'x');  // @allocation
};

static void work(int defect) {
  auto* derived = new Derived;
  sink = derived->id;
  if (defect) {
    derived->~Derived();
    new (derived) Base;
    new (&derived->text) std::string(300, 'y');  // @allocation
    operator delete(derived, sizeof(Derived));
  } else {
    delete derived;
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}
