// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <list>

int main(int count, char** words) {
  std::list<int*> queue;
  for (int i = 0; i < 4; ++i) queue.push_back(new int(i));  // @allocation
  sink = *queue.front();
  if (!has_defect(count, words)) delete queue.front();
  queue.pop_front();
  for (int* number : queue) delete number;
  return 0;
}
