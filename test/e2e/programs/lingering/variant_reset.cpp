// lost: 1
extern "C" {
#include "../check/tiny.h"
}

#include <variant>

int main(int count, char** words) {
  std::variant<int, char*> value = new char[38];  // @allocation
  std::get<char*>(value)[0] = 1;
  sink = *static_cast<char*>(hidden(std::get<char*>(value)));
  if (!has_defect(count, words)) delete[] std::get<char*>(value);
  value = 4;
  sink = std::get<int>(value);
  return 0;
}
