// A hundred thousand objects that live for the same time: asked for one by one, taken from a pool whose pages hold many, and laid side
// by side into an arena that ends as a whole.
// g++ -std=c++20 -g batch.cpp -o batch
#include <cstdio>
#include <cstring>
#include <loam/arena.hpp>
#include <loam/pool.hpp>
#include <vector>

namespace {

struct point {
  double x, y;
  point* next;
};

constexpr int kPoints = 100'000;

// A list of points, each from make().
template <class Make>
point* chain(const Make& make) {
  point* last = nullptr;
  for (int i = 0; i < kPoints; ++i) last = make(point{i * 0.5, i * 2.0, last});
  return last;
}

double sum(const point* list) {
  double all = 0;
  for (; list != nullptr; list = list->next) all += list->x + list->y;
  return all;
}

double each() {
  point* list = chain([](const point& of) { return new point(of); });
  const double all = sum(list);
  while (list != nullptr) {
    point* next = list->next;
    delete list;
    list = next;
  }
  return all;
}

double pooled() {
  loam::pool<point> points;  // its end takes back what is left
  return sum(chain([&](const point& of) { return points.make(of); }));
}

double in_arena() {
  loam::arena memory;
  return sum(
      chain([&](const point& of) { return new (memory.allocate(sizeof(point), alignof(point))) point(of); }));
}

}  // namespace

int main(int count, char** arguments) {
  const char* way = count > 1 ? arguments[1] : "each";
  const double all = std::strcmp(way, "pool") == 0    ? pooled()
                     : std::strcmp(way, "arena") == 0 ? in_arena()
                                                      : each();
  std::printf("%.0f by %s\n", all, way);
}
