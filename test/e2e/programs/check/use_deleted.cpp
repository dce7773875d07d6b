// expect: use-after-free
extern "C" {
#include "tiny.h"
}

struct Shape {
  virtual ~Shape() = default;
  virtual int area() const = 0;
};
struct Square : Shape {
  int area() const override { return 4; }
};

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  Shape* shape = new Square;                                      // @allocation
  delete shape;                                                   // @free
  if (defect) sink = static_cast<Shape*>(hidden(shape))->area();  // @access
  return 0;
}
