// realloc, reallocarray and calloc's product: content kept, old block intact on failure, size 0, overflow.
#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "contract.hpp"

namespace loam::contract {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::size_t kSizes[] = {1,     16,    24,    100,    1000, 1040,     5000,
                                  40000, 65536, 70000, 200000, kMiB, 3 * kMiB, 20 * kMiB};
constexpr std::size_t kImpossible[] = {std::size_t{PTRDIFF_MAX} + 1, SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX,
                                       std::size_t{1} << 47};

using Resize = void*(void*, std::size_t);

void moves(Check& check, std::size_t from, std::size_t to, Resize* resize) {
  void* block = malloc(from);
  void* neighbour = malloc(from);
  if (block == nullptr || neighbour == nullptr) return check.expect(false, "no memory");
  fill(block, from, 9);
  fill(neighbour, from, 77);
  errno = kSentinel;
  void* next = resize(block, opaque(to));
  check.expect(next != nullptr, "returned NULL");
  if (next == nullptr) return;
  check.expect(errno == kSentinel, "errno became %d", errno);
  check.expect(reinterpret_cast<std::uintptr_t>(next) % 16 == 0, "%p is not aligned", next);
  check.expect(malloc_usable_size(next) >= to, "usable size %zu", malloc_usable_size(next));
  check.expect(holds(next, std::min(from, to), 9), "content lost");
  fill(next, to, 5);
  check.expect(holds(neighbour, from, 77), "wrote over the neighbour");
  free(next);
  free(neighbour);
}

void refuses(Check& check, std::size_t from, std::size_t to, Resize* resize) {
  void* block = malloc(from);
  if (block == nullptr) return check.expect(false, "no memory");
  fill(block, from, 9);
  errno = kSentinel;
  void* next = resize(block, opaque(to));
  check.expect(next == nullptr, "succeeded");
  check.expect(errno == ENOMEM, "errno is %d", errno);
  if (next != nullptr) return;
  check.expect(holds(block, from, 9), "the old block changed");
  check.expect(malloc_usable_size(block) >= from, "the old block is gone");
  free(block);
}

// Size 0 frees and returns NULL, as glibc does. That it really frees shows in the address space.
void to_zero(Check& check, std::size_t size, Resize* resize) {
  const std::size_t before = mapped();
  const std::size_t rounds = std::max<std::size_t>(48, 48 * kMiB / (size + 16));
  for (std::size_t i = 0; i < rounds; ++i) {
    void* block = malloc(size);
    if (block == nullptr) return check.expect(false, "no memory");
    errno = kSentinel;
    void* next = resize(block, opaque(std::size_t{0}));
    if (next != nullptr) return check.expect(false, "returned %p", next);
    if (errno != kSentinel) return check.expect(false, "errno became %d", errno);
  }
  const std::size_t after = mapped();
  check.expect(after < before + rounds * size / 2 + 16 * kMiB,
               "address space grew from %zu to %zu: not freed", before, after);
}

// Growing by small steps and by doubling, with other chains between, up to sizes where pages are moved.
void chains(Check& check, bool doubling) {
  constexpr unsigned kChains = 6;
  struct Chain {
    void* block = nullptr;
    std::size_t size = 0;
  } chain[kChains];
  for (std::size_t step = 16; step <= 12 * kMiB; step = doubling ? step * 2 : step + step / 3 + 24) {
    for (unsigned i = 0; i < kChains; ++i) {
      const std::size_t next_size = step + i * 40;
      void* next = realloc(chain[i].block, next_size);
      if (next == nullptr) return check.expect(false, "no memory");
      check.expect(holds(next, chain[i].size, i), "chain %u lost its content at %zu", i, next_size);
      fill(next, next_size, i);
      chain[i] = {next, next_size};
    }
  }
  for (unsigned i = 0; i < kChains; ++i) {
    void* less = realloc(chain[i].block, 1000);
    check.expect(less != nullptr && holds(less, 1000, i), "shrinking lost the content");
    free(less);
  }
}

void product(Check& check, std::size_t m, std::size_t n, bool fits) {
  errno = kSentinel;
  void* zeroed = calloc(opaque(m), opaque(n));
  check.expect((zeroed != nullptr) == fits, "calloc %s", fits ? "failed" : "succeeded");
  check.expect(errno == (fits ? kSentinel : ENOMEM), "calloc left errno at %d", errno);
  if (zeroed != nullptr) check.expect(all_zero(zeroed, m * n), "not zero");
  free(zeroed);
  void* old = malloc(60);
  if (old == nullptr) return check.expect(false, "no memory");
  fill(old, 60, 1);
  errno = kSentinel;
  void* array = reallocarray(old, opaque(m), opaque(n));
  if (m * n == 0 && fits) {
    check.expect(array == nullptr && errno == kSentinel, "reallocarray to 0 frees and returns NULL");
    return;
  }
  check.expect((array != nullptr) == fits, "reallocarray %s", fits ? "failed" : "succeeded");
  check.expect(errno == (fits ? kSentinel : ENOMEM), "reallocarray left errno at %d", errno);
  check.expect(holds(array != nullptr ? array : old, std::min<std::size_t>(60, fits ? m * n : 60), 1),
               "content lost");
  free(array != nullptr ? array : old);
}

void* resize_by_array(void* block, std::size_t size) { return reallocarray(block, size, 1); }

void add_both(Table& table, const char* symbol, Resize* resize) {
  for (const std::size_t from : kSizes) {
    for (const std::size_t to : kSizes) {
      table.push_back({symbol, "from " + std::to_string(from) + " to " + std::to_string(to),
                       [=](Check& check) { moves(check, from, to, resize); }, ""});
    }
    for (const std::size_t to : kImpossible) {
      table.push_back({symbol,
                       "from " + std::to_string(from) + " to " + std::to_string(to) + " cannot be had",
                       [=](Check& check) { refuses(check, from, to, resize); }, ""});
    }
    table.push_back({symbol, "from " + std::to_string(from) + " to 0 frees and returns NULL",
                     [=](Check& check) { to_zero(check, from, resize); }, ""});
  }
}

}  // namespace

void add_resize_cases(Table& table) {
  add_both(table, "realloc", realloc);
  add_both(table, "reallocarray", resize_by_array);
  if (auto* libc_realloc = reinterpret_cast<Resize*>(symbol("__libc_realloc")); libc_realloc != nullptr) {
    table.push_back({"__libc_realloc", "from 100 to 200000",
                     [=](Check& check) { moves(check, 100, 200000, libc_realloc); }, ""});
    table.push_back(
        {"__libc_realloc", "from 100 to 0", [=](Check& check) { to_zero(check, 100, libc_realloc); }, ""});
    table.push_back({"__libc_realloc", "from 100 to SIZE_MAX",
                     [=](Check& check) { refuses(check, 100, SIZE_MAX, libc_realloc); }, ""});
  }
  table.push_back({"realloc", "six chains grow by doubling", [](Check& check) { chains(check, true); }, ""});
  table.push_back({"realloc", "six chains grow by a third", [](Check& check) { chains(check, false); }, ""});
  table.push_back({"realloc", "up to the usable size keeps every byte",
                   [](Check& check) {
                     for (const std::size_t size : kSizes) {
                       void* block = malloc(size);
                       const std::size_t usable = malloc_usable_size(block);
                       fill(block, usable, 4);
                       block = realloc(block, usable);
                       check.expect(block != nullptr && holds(block, usable, 4), "size %zu: content lost",
                                    size);
                       block = realloc(block, usable + 1);
                       check.expect(block != nullptr && holds(block, usable, 4),
                                    "size %zu: content lost past usable", size);
                       free(block);
                     }
                   },
                   ""});
  struct Product {
    std::size_t m, n;
    bool fits;
  };
  constexpr std::size_t kHalf = std::size_t{1} << 32;
  for (const Product p :
       {Product{0, 0, true}, Product{0, 5, true}, Product{5, 0, true}, Product{SIZE_MAX, 0, true},
        Product{0, SIZE_MAX, true}, Product{7, 9, true}, Product{1000, 24, true},
        Product{kHalf, kHalf, false}, Product{kHalf + 1, kHalf, false}, Product{SIZE_MAX, 2, false},
        Product{2, SIZE_MAX, false}, Product{SIZE_MAX / 2 + 1, 2, false}, Product{SIZE_MAX / 3 + 1, 3, false},
        Product{SIZE_MAX, SIZE_MAX, false}, Product{PTRDIFF_MAX, 1, false},
        Product{16, SIZE_MAX / 16 + 1, false}}) {
    table.push_back({"calloc, reallocarray", std::to_string(p.m) + " × " + std::to_string(p.n),
                     [=](Check& check) { product(check, p.m, p.n, p.fits); }, ""});
  }
}

}  // namespace loam::contract
