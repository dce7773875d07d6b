// expect: use-after-free
extern "C" {
#include "tiny.h"
}

#include <string>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  std::string* text = new std::string(100, 'a');
  const char* inside = text->data();
  delete text;
  if (defect) sink = *static_cast<volatile char*>(hidden(const_cast<char*>(inside)));  // @access
  return 0;
}
