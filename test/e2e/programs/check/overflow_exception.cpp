// expect: overflow
extern "C" {
#include "tiny.h"
}

#include <stdexcept>
#include <vector>

// The write is made while the stack is unwound.
struct Terminator {
  char* text;
  int at;
  ~Terminator() { static_cast<char*>(hidden(text))[at] = 0; }
};

static void work(char* text, int at) {
  const Terminator terminator{text, at};
  if (sink == 0) throw std::runtime_error("no");
}

int main(int count, char** words) {
  char* text = new char[30];  // @allocation
  try {
    work(text, has_defect(count, words) ? 30 : 29);
  } catch (const std::exception&) {
    delete[] text;
  }
  return 0;
}
