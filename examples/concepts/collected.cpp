// Rings of objects that nobody needs any more: no count of references ever falls to zero, a collector that marks what can be
// reached and sweeps the rest takes them back.
// g++ -std=c++20 -g collected.cpp -lloam-gc -o collected
#include <cstdio>
#include <loam/gc.hpp>

namespace gc = loam::gc;

namespace {

int alive = 0;

struct node {
  gc::ptr<node> next;
  void trace(gc::tracer& to) const { to(next); }
  node() { ++alive; }
  ~node() { --alive; }
};

gc::ptr<node> ring(int count) {
  const gc::ptr<node> first = gc::make<node>();
  gc::ptr<node> last = first;
  for (int i = 1; i < count; ++i) last = last->next = gc::make<node>();
  last->next = first;
  return first;
}

}  // namespace

int main() {
  gc::heap::set_conservative(false);  // what a stale register still holds is no root
  const gc::root<node> kept(ring(10));
  for (int i = 0; i < 1000; ++i) ring(100);
  std::printf("%d objects\n", alive);
  gc::heap::collect();
  std::printf("%d objects after a collection: the ring that a root leads to\n", alive);
}
