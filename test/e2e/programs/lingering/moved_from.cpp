// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <utility>

// Assignment over an owner that does not free what it had.
struct Owner {
  char* text = nullptr;
  bool careful = false;
  Owner& operator=(Owner&& other) noexcept {
    if (careful) delete[] text;
    text = std::exchange(other.text, nullptr);
    return *this;
  }
};

int main(int count, char** words) {
  Owner first, second;
  first.careful = !has_defect(count, words);
  first.text = new char[44];  // @allocation
  second.text = new char[55];
  first.text[0] = second.text[0] = 1;
  sink = *static_cast<char*>(hidden(first.text));
  first = std::move(second);
  delete[] first.text;
  return 0;
}
