// lost: 1
extern "C" {
#include "../check/tiny.h"
}

template <typename Function>
static void with(Function function) {
  function();
}

int main(int count, char** words) {
  const bool defect = has_defect(count, words);
  auto* number = static_cast<int*>(hidden(new int(4)));  // @allocation
  with([=] {
    sink = *number;
    if (!defect) delete number;
  });
  return 0;
}
