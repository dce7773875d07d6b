// Uses in C++; dangling.h says what is wanted of them.
extern "C" {
#include "dangling.h"
}

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual int area() const { return side; }
  Shape* parent = nullptr;
  int side = 3;
  int more[8] = {};
};

struct Square : Shape {
  int area() const override { return side * side; }
};

template <typename Type>
Type* again(Type* pointer) {
  return static_cast<Type*>(hidden(pointer));
}

void virtual_call() {
  surround(sizeof(Shape));
  Shape* shape = nullptr;
  for (int i = 0; i < turns; ++i) shape = turns < 100 ? new Shape : new Square;  // @block virtual_call
  surround(sizeof(Shape));
  delete shape;
  sink = again(shape)->area();
}

void deleted_twice_removed() {
  Shape* shape = nullptr;
  for (int i = 0; i < turns; ++i) {
    shape = new Shape;  // @block deleted_twice_removed
    shape->parent = shape;
  }
  surround(sizeof(Shape));
  delete shape;
  sink = again(shape)->parent->parent->side;
}

void member_deleted() {
  struct Holder {
    int* number = nullptr;
    int* other = nullptr;
  };
  Holder* holder = nullptr;
  for (int i = 0; i < turns; ++i) holder = new Holder;  // @block member_deleted
  holder->number = new int(4);
  surround(sizeof(Holder));
  int* number = holder->number;
  delete holder;
  delete again(holder)->number;
  delete number;
}

void vector_grown() {
  std::vector<int*> numbers;
  static int number = 3;
  surround(16 * sizeof(int*));
  for (int i = 0; i < turns; ++i) {
    numbers = std::vector<int*>();
    numbers.reserve(16);  // @block vector_grown
  }
  numbers.push_back(&number);
  int** first = numbers.data();
  numbers.reserve(100);
  sink = **again(first);
}

void string_member() {
  auto* name = static_cast<std::string*>(nullptr);
  for (int i = 0; i < turns; ++i)
    name = new std::string("a name that needs memory of its own");  // @block string_member
  surround(sizeof(std::string));
  delete name;
  sink = (*again(name))[3];
}

void map_node() {
  std::map<int, const char*> names;
  for (int i = 0; i < turns; ++i) names[i] = "name";  // @block map_node
  auto at = names.find(turns - 1);
  const char* const* text = &at->second;
  names.erase(at);
  sink = **again(const_cast<const char**>(text));
}

void shared_owner() {
  struct Inner {
    int* numbers;
    char text[40];
  };
  static int numbers[4] = {1, 2, 3, 4};
  std::shared_ptr<Inner> inner;
  for (int i = 0; i < turns; ++i) inner = std::make_shared<Inner>();  // @block shared_owner
  inner->numbers = numbers;
  Inner* raw = inner.get();
  inner.reset();
  sink = again(raw)->numbers[2];
}

void array_written() {
  long* numbers = nullptr;
  for (int i = 0; i < turns; ++i) numbers = new long[30];  // @block array_written
  surround(30 * sizeof(long));
  delete[] numbers;
  again(numbers)[12] = 77;
}

constexpr use uses[] = {
    {"virtual_call", virtual_call},     {"deleted_twice_removed", deleted_twice_removed},
    {"member_deleted", member_deleted}, {"vector_grown", vector_grown},
    {"string_member", string_member},   {"map_node", map_node},
    {"shared_owner", shared_owner},     {"array_written", array_written},
};

}  // namespace

int main(int words, char** word) { return run(uses, std::size(uses), words, word); }
