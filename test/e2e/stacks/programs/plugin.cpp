// A plugin whose functions have frames of ROOM bytes. Two of them, built with different ROOMs, have the same code but for that
// number: the loader maps one where the other was, and the same return addresses then mean other frames.
#include <cstdlib>

[[gnu::noinline]] static void* inner(std::size_t size) {
  volatile char room[ROOM];
  room[0] = 1;
  void* block = std::malloc(size + static_cast<std::size_t>(room[0]));
  room[1] = 0;
  return block;
}

extern "C" void* plugin_allocate(std::size_t size) {
  volatile char room[ROOM];
  room[0] = 1;
  void* block = inner(size + static_cast<std::size_t>(room[0]));
  room[1] = 0;
  return block;
}
