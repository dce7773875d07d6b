// A cache of pages in a collected heap, whose texts come from malloc: what a collected object holds is not lost, for `loam check` as well.
//   g++ -std=c++20 -g collected.cpp -lloam-gc -o collected
//   ./collected              some pages go, their destructors free the texts; prints how many
//   ./collected lost         a page takes another text and drops the one it had: a leak under `loam check`
//   ./collected overflow     writes behind the end of a text that only a collected object holds
#include <loam/gc.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

int gone = 0;

struct page {
  char* text = nullptr;
  loam::gc::ptr<page> next;

  explicit page(int number) { set(number); }
  ~page() {
    std::free(text);
    ++gone;
  }
  void set(int number) {
    text = static_cast<char*>(std::malloc(40));
    std::snprintf(text, 40, "text of page %d", number);
  }
  void trace(loam::gc::tracer& to) const { to(next); }
};

// Of another frame, so that no word on this one's leads to what goes.
__attribute__((noinline)) loam::gc::ptr<page> make_pages(int count) {
  loam::gc::ptr<page> first;
  for (int i = 0; i < count; ++i) {
    auto made = loam::gc::make<page>(i);
    made->next = first;
    first = made;
  }
  return first;
}

__attribute__((noinline)) void wipe_stack() {
  volatile char frame[4096];
  std::memset(const_cast<char*>(frame), 0, sizeof frame);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mode = count > 1 ? arguments[1] : "";
  static loam::gc::ptr<page> pages;
  make_pages(2000);
  wipe_stack();
  pages = make_pages(100);
  loam::gc::heap::collect();
  std::printf("first: %s, some gone: %s\n", pages->text, gone > 1000 ? "yes" : "no");
  page& second = *pages->next;
  if (mode == "lost") second.set(1000);
  if (mode == "overflow") std::memset(second.text, 'x', 41);
  return 0;
}
