// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <functional>

static std::function<int()> make() {
  int* number = new int(5);  // @allocation
  return [number] { return *number; };
}

int main(int count, char** words) {
  std::function<int()> get = make();
  sink = get();
  if (!has_defect(count, words)) {
    static int* volatile kept;
    kept = *reinterpret_cast<int**>(&get);
  }
  get = nullptr;
  return 0;
}
