// lost: 1
extern "C" {
#include "../check/tiny.h"
}

struct Shape {
  virtual ~Shape() = default;
  virtual int area() const = 0;
};
struct Square : Shape {
  int side[20] = {3};
  int area() const override { return side[0] * side[0]; }
};

__attribute__((noinline)) static Shape* make() {
  return new Square;  // @allocation
}

int main(int count, char** words) {
  Shape* shape = make();
  sink = shape->area();
  if (!has_defect(count, words)) delete shape;
  return 0;
}
