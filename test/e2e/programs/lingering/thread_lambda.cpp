// lost: 2
extern "C" {
#include "../check/tiny.h"
}

#include <string>
#include <thread>

int main(int count, char** words) {
  const bool defect = has_defect(count, words);
  std::thread([defect] {
    auto* text =
        new std::string("lost by a thread that has ended, in a string of some length");  // @allocation
    sink = static_cast<int>(text->size());
    if (!defect) delete text;
  }).join();
  return 0;
}
