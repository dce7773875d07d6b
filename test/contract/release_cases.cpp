// Giving back: every form of free and delete takes what its partner gave, takes NULL, keeps errno, and really
// frees.
#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "contract.hpp"

namespace loam::contract {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::align_val_t kWide{128};

struct Pair {
  const char* symbol;
  std::function<void*(std::size_t)> allocate;
  std::function<void(void*, std::size_t)> release;
};

// What is freed is reused: many blocks in turn need the address space of a few.
void really_frees(Check& check, const Pair& pair, std::size_t size) {
  const std::size_t before = mapped();
  const std::size_t rounds = std::max<std::size_t>(48, 16 * kMiB / (size + 16));
  for (std::size_t i = 0; i < rounds; ++i) {
    auto* block = static_cast<char*>(pair.allocate(size));
    if (block == nullptr) return check.expect(false, "no memory in round %zu", i);
    block[0] = 1;
    block[size - 1] = 1;
    errno = kSentinel;
    pair.release(block, size);
    if (errno != kSentinel) return check.expect(false, "errno became %d", errno);
  }
  const std::size_t after = mapped();
  check.expect(after < before + rounds * size / 2, "address space grew from %zu to %zu: not freed", before,
               after);
}

void takes_null(Check& check, const Pair& pair) {
  errno = kSentinel;
  pair.release(nullptr, 16);
  check.expect(errno == kSentinel, "errno became %d", errno);
}

std::vector<Pair> delete_pairs() {
  return {
      {"operator delete(p)", [](std::size_t n) { return ::operator new(n); },
       [](void* p, std::size_t) { ::operator delete(p); }},
      {"operator delete[](p)", [](std::size_t n) { return ::operator new[](n); },
       [](void* p, std::size_t) { ::operator delete[](p); }},
      {"operator delete(p, n)", [](std::size_t n) { return ::operator new(n); },
       [](void* p, std::size_t n) { ::operator delete(p, n); }},
      {"operator delete[](p, n)", [](std::size_t n) { return ::operator new[](n); },
       [](void* p, std::size_t n) { ::operator delete[](p, n); }},
      {"operator delete(p, align)", [](std::size_t n) { return ::operator new(n, kWide); },
       [](void* p, std::size_t) { ::operator delete(p, kWide); }},
      {"operator delete[](p, align)", [](std::size_t n) { return ::operator new[](n, kWide); },
       [](void* p, std::size_t) { ::operator delete[](p, kWide); }},
      {"operator delete(p, n, align)", [](std::size_t n) { return ::operator new(n, kWide); },
       [](void* p, std::size_t n) { ::operator delete(p, n, kWide); }},
      {"operator delete[](p, n, align)", [](std::size_t n) { return ::operator new[](n, kWide); },
       [](void* p, std::size_t n) { ::operator delete[](p, n, kWide); }},
      {"operator delete(p, nothrow)", [](std::size_t n) { return ::operator new(n, std::nothrow); },
       [](void* p, std::size_t) { ::operator delete(p, std::nothrow); }},
      {"operator delete[](p, nothrow)", [](std::size_t n) { return ::operator new[](n, std::nothrow); },
       [](void* p, std::size_t) { ::operator delete[](p, std::nothrow); }},
      {"operator delete(p, align, nothrow)",
       [](std::size_t n) { return ::operator new(n, kWide, std::nothrow); },
       [](void* p, std::size_t) { ::operator delete(p, kWide, std::nothrow); }},
      {"operator delete[](p, align, nothrow)",
       [](std::size_t n) { return ::operator new[](n, kWide, std::nothrow); },
       [](void* p, std::size_t) { ::operator delete[](p, kWide, std::nothrow); }},
      // Old code has the size wrong; it counts only where every block is checked.
      {"operator delete(p, wrong n)", [](std::size_t n) { return ::operator new(n); },
       [](void* p, std::size_t n) { ::operator delete(p, n * 2 + 40); }},
  };
}

std::vector<Pair> pairs() {
  std::vector<Pair> rows = delete_pairs();
  rows.push_back({"free", [](std::size_t n) { return malloc(n); }, [](void* p, std::size_t) { free(p); }});
  rows.push_back(
      {"free", [](std::size_t n) { return aligned_alloc(4096, n); }, [](void* p, std::size_t) { free(p); }});
  using Free = void(void*);
  for (const char* name : {"cfree", "__libc_free"}) {
    auto* release = reinterpret_cast<Free*>(symbol(name));
    if (release == nullptr) continue;
    rows.push_back(
        {name, [](std::size_t n) { return malloc(n); }, [=](void* p, std::size_t) { release(p); }});
  }
  using FreeSized = void(void*, std::size_t);
  if (auto* release = reinterpret_cast<FreeSized*>(symbol("free_sized")); release != nullptr) {
    rows.push_back({"free_sized", [](std::size_t n) { return malloc(n); },
                    [=](void* p, std::size_t n) { release(p, n); }});
  }
  using FreeAligned = void(void*, std::size_t, std::size_t);
  if (auto* release = reinterpret_cast<FreeAligned*>(symbol("free_aligned_sized")); release != nullptr) {
    rows.push_back({"free_aligned_sized", [](std::size_t n) { return aligned_alloc(64, n); },
                    [=](void* p, std::size_t n) { release(p, 64, n); }});
  }
  return rows;
}

}  // namespace

void add_release_cases(Table& table) {
  for (const Pair& pair : pairs()) {
    table.push_back(
        {pair.symbol, "takes NULL and keeps errno", [=](Check& check) { takes_null(check, pair); }, ""});
    for (const std::size_t size :
         {std::size_t{24}, std::size_t{1000}, std::size_t{40000}, std::size_t{200000}, 3 * kMiB, 80 * kMiB}) {
      table.push_back({pair.symbol, "frees blocks of " + std::to_string(size),
                       [=](Check& check) { really_frees(check, pair, size); }, ""});
    }
  }
}

}  // namespace loam::contract
