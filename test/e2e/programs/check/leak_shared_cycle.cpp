// expect: leak
extern "C" {
#include "tiny.h"
}

#include <memory>

struct Node {
  std::shared_ptr<Node> other;
};

__attribute__((noinline)) static void work(int defect) {
  auto first = std::make_shared<Node>();   // @allocation
  auto second = std::make_shared<Node>();  // @allocation
  first->other = second;
  if (defect) second->other = first;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  scrub();
  return 0;
}
