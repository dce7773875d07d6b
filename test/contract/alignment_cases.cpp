// Alignments good and bad, for the functions that take one.
#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "contract.hpp"

namespace loam::contract {
namespace {

using AlignedFunction = void*(std::size_t, std::size_t);

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::size_t kGood[] = {16,    32,    64,   256,      1024,     4096,
                                 16384, 65536, kMiB, 2 * kMiB, 4 * kMiB, 32 * kMiB};
constexpr std::size_t kSizes[] = {0, 1, 100, 1000, 5000, 40000, 200000, 3 * kMiB};

std::string call(const char* name, std::size_t alignment, std::size_t size) {
  return std::string(name) + "(" + std::to_string(alignment) + ", " + std::to_string(size) + ")";
}

void check_block(Check& check, void* block, std::size_t alignment, std::size_t size) {
  check.expect(block != nullptr, "no memory");
  if (block == nullptr) return;
  check.expect(errno == kSentinel, "errno became %d", errno);
  check.expect(reinterpret_cast<std::uintptr_t>(block) % alignment == 0, "%p is not aligned to %zu", block,
               alignment);
  check.expect(malloc_usable_size(block) >= size, "usable size %zu", malloc_usable_size(block));
  fill(block, size, 3);
}

// Several at once, since the first block of a fresh span is often aligned by accident; then resized, then
// freed.
void good(Check& check, AlignedFunction* allocate, std::size_t alignment, std::size_t size) {
  void* blocks[5];
  for (void*& block : blocks) {
    errno = kSentinel;
    block = allocate(opaque(alignment), opaque(size));
    check_block(check, block, alignment, size);
  }
  for (unsigned i = 0; i < 5; ++i) {
    if (blocks[i] == nullptr) continue;
    check.expect(holds(blocks[i], size, 3), "another block lies over this one");
    if (i % 2 == 0) {
      blocks[i] = realloc(blocks[i], size + 3000);
      check.expect(blocks[i] != nullptr && holds(blocks[i], size, 3), "realloc lost the content");
    }
    free(blocks[i]);
  }
}

void good_posix(Check& check, std::size_t alignment, std::size_t size) {
  void* blocks[5] = {};
  for (void*& block : blocks) {
    errno = kSentinel;
    const int code = posix_memalign(&block, opaque(alignment), opaque(size));
    check.expect(code == 0, "returned %d", code);
    if (code == 0) check_block(check, block, alignment, size);
  }
  for (void* block : blocks) free(block);
}

void bad(Check& check, AlignedFunction* allocate, std::size_t alignment, std::size_t size, int wanted) {
  errno = kSentinel;
  void* block = allocate(opaque(alignment), opaque(size));
  check.expect(block == nullptr, "succeeded");
  if (block == nullptr) check.expect(errno == wanted, "errno is %d, not %d", errno, wanted);
  free(block);
}

void bad_posix(Check& check, std::size_t alignment, std::size_t size, int wanted) {
  int mark = 0;
  void* block = &mark;
  errno = kSentinel;
  const int code = posix_memalign(&block, opaque(alignment), opaque(size));
  check.expect(code == wanted, "returned %d, not %d", code, wanted);
  check.expect(block == &mark, "wrote *p");
  check.expect(errno == kSentinel, "errno became %d", errno);
}

// memalign forgives: what is no power of two is rounded up to one.
void lenient(Check& check, AlignedFunction* allocate, std::size_t alignment, std::size_t at_least) {
  void* blocks[5];
  for (void*& block : blocks) {
    errno = kSentinel;
    block = allocate(opaque(alignment), 200);
    check_block(check, block, at_least, 200);
  }
  for (void* block : blocks) free(block);
}

void add_good(Table& table) {
  for (const std::size_t a : kGood) {
    for (const std::size_t n : kSizes) {
      table.push_back({"aligned_alloc", call("aligned_alloc", a, n),
                       [=](Check& c) { good(c, aligned_alloc, a, n); }, ""});
      table.push_back({"memalign", call("memalign", a, n), [=](Check& c) { good(c, memalign, a, n); }, ""});
      table.push_back(
          {"posix_memalign", call("posix_memalign", a, n), [=](Check& c) { good_posix(c, a, n); }, ""});
    }
  }
  for (const std::size_t a : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{8}}) {
    table.push_back({"aligned_alloc", call("aligned_alloc", a, 24),
                     [=](Check& c) { good(c, aligned_alloc, a, 24); }, ""});
  }
  table.push_back(
      {"posix_memalign", call("posix_memalign", 8, 24), [](Check& c) { good_posix(c, 8, 24); }, ""});
}

void add_bad(Table& table) {
  constexpr const char* kRoundsUp = "aligned_alloc is memalign there, which rounds a bad alignment up";
  constexpr const char* kErrno = "posix_memalign sets errno besides returning the error";
  constexpr std::size_t kTop = std::size_t{1} << 63;
  for (const std::size_t a :
       {std::size_t{0}, std::size_t{3}, std::size_t{24}, std::size_t{100}, std::size_t{4097}, kTop - 1}) {
    table.push_back({"aligned_alloc", call("aligned_alloc", a, 64) + " is refused",
                     [=](Check& c) { bad(c, aligned_alloc, a, 64, EINVAL); },
                     a == kTop - 1 ? "it rounds up to 2^63 and says ENOMEM" : kRoundsUp});
  }
  for (const std::size_t a : {kTop + 1, SIZE_MAX}) {
    table.push_back({"aligned_alloc", call("aligned_alloc", a, 64) + " is refused",
                     [=](Check& c) { bad(c, aligned_alloc, a, 64, EINVAL); }, ""});
    table.push_back({"memalign", call("memalign", a, 64) + " is refused",
                     [=](Check& c) { bad(c, memalign, a, 64, EINVAL); }, ""});
  }
  for (const std::size_t a : {std::size_t{1} << 40, std::size_t{1} << 47, std::size_t{1} << 62, kTop}) {
    table.push_back({"aligned_alloc", call("aligned_alloc", a, std::size_t{1} << 47) + " cannot be had",
                     [=](Check& c) { bad(c, aligned_alloc, a, std::size_t{1} << 47, ENOMEM); }, ""});
    table.push_back({"posix_memalign", call("posix_memalign", a, std::size_t{1} << 47) + " cannot be had",
                     [=](Check& c) { bad_posix(c, a, std::size_t{1} << 47, ENOMEM); }, kErrno});
  }
  for (const std::size_t a : {std::size_t{64}, std::size_t{4096}, std::size_t{1} << 20}) {
    for (const std::size_t n :
         {SIZE_MAX, SIZE_MAX - 32, SIZE_MAX - a, SIZE_MAX - a + 1, std::size_t{PTRDIFF_MAX} + 1}) {
      table.push_back({"memalign", call("memalign", a, n) + " wraps",
                       [=](Check& c) { bad(c, memalign, a, n, ENOMEM); }, ""});
      table.push_back({"aligned_alloc", call("aligned_alloc", a, n) + " wraps",
                       [=](Check& c) { bad(c, aligned_alloc, a, n, ENOMEM); }, ""});
      table.push_back({"posix_memalign", call("posix_memalign", a, n) + " wraps",
                       [=](Check& c) { bad_posix(c, a, n, ENOMEM); }, kErrno});
    }
  }
  for (const std::size_t a :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{3}, std::size_t{12},
        std::size_t{24}, std::size_t{40}, std::size_t{100}, kTop + 8, SIZE_MAX}) {
    table.push_back({"posix_memalign", call("posix_memalign", a, 64) + " is refused",
                     [=](Check& c) { bad_posix(c, a, 64, EINVAL); }, ""});
  }
}

}  // namespace

void add_alignment_cases(Table& table) {
  add_good(table);
  add_bad(table);
  struct Rounding {
    std::size_t asked, given;
  };
  for (const Rounding r : {Rounding{0, 16}, Rounding{1, 16}, Rounding{3, 16}, Rounding{8, 16},
                           Rounding{17, 32}, Rounding{24, 32}, Rounding{100, 128}, Rounding{4097, 8192}}) {
    table.push_back({"memalign", call("memalign", r.asked, 200) + " rounds the alignment up",
                     [=](Check& c) { lenient(c, memalign, r.asked, r.given); }, ""});
  }
  for (const std::size_t a : kGood) {
    table.push_back(
        {"operator new(n, align)", "alignment " + std::to_string(a),
         [=](Check& c) {
           good(
               c, [](std::size_t w, std::size_t n) { return ::operator new(n, std::align_val_t{w}); }, a, 72);
         },
         ""});
  }
}

}  // namespace loam::contract
