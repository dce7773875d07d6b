// expect: double-free
extern "C" {
#include "tiny.h"
}

#include <memory>
#include <stdexcept>

// The destructor frees while the stack is being unwound, and the handler once more.
struct Owner {
  void* block;
  explicit Owner(void* taken) : block(taken) {}
  ~Owner() { free(block); }  // @free
};

static void work(void* block) {
  const Owner owner(block);
  if (sink == 0) throw std::runtime_error("no");
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  void* block = malloc(24);  // @allocation
  try {
    work(block);
  } catch (const std::exception&) {
    if (defect) free(hidden(block));  // @access
  }
  return 0;
}
