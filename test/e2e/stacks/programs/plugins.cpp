// Loads and unloads two plugins in turn and allocates through them; says whether they ever lay at the same place.
//   plugins FIRST.so SECOND.so [ROUNDS]
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 10;
  void* places[2] = {};
  for (int i = 0; i < 2 * rounds; ++i) {
    void* handle = dlopen(argv[1 + i % 2], RTLD_NOW);
    if (handle == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    void* symbol = dlsym(handle, "plugin_allocate");
    auto* allocate = reinterpret_cast<void* (*)(std::size_t)>(symbol);
    for (int n = 0; n < 20; ++n) std::free(allocate(10));
    places[i % 2] = symbol;
    dlclose(handle);
  }
  std::puts(places[0] == places[1] ? "same place" : "different places");
  return 0;
}
