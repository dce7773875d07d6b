// operator delete on what is deleted already. --way array for the [] forms, sized for the sized one, aligned.
#include <cstring>
#include <new>

extern "C" {
#include "defect.h"
}

namespace {

using Delete = void (*)(void*, std::size_t);

Delete chosen(const char* way) {
  if (std::strcmp(way, "array") == 0) return [](void* p, std::size_t) { ::operator delete[](p); };
  if (std::strcmp(way, "sized") == 0) return [](void* p, std::size_t n) { ::operator delete(p, n); };
  if (std::strcmp(way, "aligned") == 0)
    return [](void* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); };
  return [](void* p, std::size_t) { ::operator delete(p); };
}

void* allocate(const char* way, std::size_t size) {
  if (std::strcmp(way, "array") == 0) return ::operator new[](size);
  if (std::strcmp(way, "aligned") == 0) return ::operator new(size, std::align_val_t{64});
  return ::operator new(size);
}

}  // namespace

int main(int count, char** words) {
  static ring ring;
  const options options = read_options(count, words);
  work(&ring, 5000, nullptr);
  void* before = allocate(options.way, options.size);
  void* block = hidden(allocate(options.way, options.size));
  void* after = allocate(options.way, options.size);
  announce(block, block);
  const Delete release = chosen(options.way);
  release(block, options.size);
  work(&ring, options.operations, options.clean ? nullptr : block);
  if (!options.clean) release(hidden(block), options.size);
  release(before, options.size);
  release(after, options.size);
  finish(&ring);
  return 0;
}
