// Every way of asking for memory × every size: result, errno, alignment, usable size, content, separation.
#include <dlfcn.h>
#include <malloc.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "contract.hpp"

namespace loam::contract {
namespace {

constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;

// One size or more of every regime: smallest class, the 16-byte steps, the steps of an eighth, runs of
// slices, huge.
constexpr std::size_t kSizes[] = {
    0,      1,    15,       16,       17,        24,    48,        100,
    1000,   1024, 1025,     5000,     16 * kKiB, 40000, 64 * kKiB, 64 * kKiB + 1,
    200000, kMiB, 2 * kMiB, 3 * kMiB, 80 * kMiB};

// Sizes that nobody can have. The last one still fits ptrdiff_t and no address space.
constexpr std::size_t kImpossible[] = {std::size_t{PTRDIFF_MAX} + 1,
                                       SIZE_MAX,
                                       SIZE_MAX - 1,
                                       SIZE_MAX - 15,
                                       SIZE_MAX - 16,
                                       SIZE_MAX - 64,
                                       SIZE_MAX - 4095,
                                       SIZE_MAX - 4096,
                                       SIZE_MAX - 65536,
                                       PTRDIFF_MAX,
                                       PTRDIFF_MAX - 15,
                                       PTRDIFF_MAX - 65536,
                                       std::size_t{1} << 62,
                                       std::size_t{1} << 47};

void serve(Check& check, const Allocator& row, std::size_t size) {
  void* blocks[4] = {};
  for (unsigned i = 0; i < 4; ++i) {
    errno = kSentinel;
    const Answer answer = row.allocate(opaque(size));
    const int after = errno;
    check.expect(answer.pointer != nullptr, "no memory (error %d)", answer.error);
    if (answer.pointer == nullptr) return;
    check.expect(after == kSentinel, "errno became %d on success", after);
    check.expect(reinterpret_cast<std::uintptr_t>(answer.pointer) % row.alignment == 0,
                 "%p is not a multiple of %zu", answer.pointer, row.alignment);
    const std::size_t usable = malloc_usable_size(answer.pointer);
    check.expect(usable >= size, "usable size %zu is less", usable);
    if (row.symbol == "pvalloc")
      check.expect(usable >= 4096, "pvalloc gives whole pages, usable %zu", usable);
    if (row.zeroes) check.expect(all_zero(answer.pointer, size), "not zero");
    fill(answer.pointer, size, i);
    blocks[i] = answer.pointer;
  }
  for (unsigned i = 0; i < 4; ++i) {
    check.expect(holds(blocks[i], size, i), "another block lies over this one");
    for (unsigned j = 0; j < i; ++j) check.expect(blocks[i] != blocks[j], "the same address twice");
  }
  for (void* block : blocks) {
    errno = kSentinel;
    row.release(block);
    check.expect(errno == kSentinel, "releasing changed errno to %d", errno);
  }
}

void refuse(Check& check, const Allocator& row, std::size_t size) {
  errno = kSentinel;
  const Answer answer = row.allocate(opaque(size));
  check.expect(answer.pointer == nullptr, "succeeded");
  check.expect(answer.error == ENOMEM, "error %d, not ENOMEM", answer.error);
  check.expect(answer.violation == nullptr, "%s", answer.violation);
  errno = kSentinel;
  const Answer next = row.allocate(100);
  check.expect(next.pointer != nullptr && errno == kSentinel, "the next request fails too");
  if (next.pointer != nullptr) row.release(next.pointer);
}

// Blocks that were written and freed come back: whoever promises zeroes clears them, to the last usable byte.
void clear_after_reuse(Check& check, const Allocator& row, std::size_t size) {
  constexpr unsigned kRounds = 8;
  for (unsigned round = 0; round < kRounds; ++round) {
    void* dirty[16];
    for (void*& block : dirty) {
      block = malloc(size);
      if (block == nullptr) return check.expect(false, "no memory");
      std::memset(block, 0xA5, malloc_usable_size(block));
    }
    for (void* block : dirty) free(block);
    void* clean[16];
    for (void*& block : clean) {
      block = row.allocate(size).pointer;
      if (block == nullptr) return check.expect(false, "no memory");
      check.expect(all_zero(block, malloc_usable_size(block)), "a usable byte is not zero");
      std::memset(block, 0x5A, malloc_usable_size(block));
    }
    for (void* block : clean) row.release(block);
  }
}

std::string said(const Allocator& row, std::size_t size) { return row.how + ", n = " + std::to_string(size); }

constexpr const char* kChangesErrno = "posix_memalign sets errno besides returning the error";

std::string served_mark(const Allocator& row, std::size_t size) {
  if (row.symbol == "pvalloc" && size == 0) return "it gives the smallest chunk";
  return "";
}

std::string impossible_mark(const Allocator& row, std::size_t size) {
  const bool aligned_new =
      row.symbol.find("new") != std::string::npos && row.symbol.find("align") != std::string::npos;
  if (aligned_new && size > SIZE_MAX - row.alignment + 1) {
    return "libstdc++ rounds the size up to a multiple of the alignment, and the sum wraps";
  }
  if (row.failure == Failure::kCode) return kChangesErrno;
  return "";
}

}  // namespace

void add_allocation_cases(Table& table) {
  for (const Allocator& row : allocators()) {
    for (const std::size_t size : kSizes) {
      table.push_back({row.symbol, said(row, size), [=](Check& check) { serve(check, row, size); },
                       served_mark(row, size)});
    }
    for (const std::size_t size : kImpossible) {
      table.push_back({row.symbol, said(row, size) + " cannot be had",
                       [=](Check& check) { refuse(check, row, size); }, impossible_mark(row, size)});
    }
    if (!row.zeroes) continue;
    for (const std::size_t size : {std::size_t{1}, std::size_t{24}, std::size_t{1000}, std::size_t{5000},
                                   std::size_t{40000}, std::size_t{200000}, 3 * kMiB}) {
      table.push_back({row.symbol, said(row, size) + " after others wrote there",
                       [=](Check& check) { clear_after_reuse(check, row, size); }, ""});
    }
  }
}

namespace {

// Mangled: the 8 forms of operator new and the 12 of operator delete.
constexpr const char* kOperators[] = {"_Znwm",
                                      "_Znam",
                                      "_ZnwmSt11align_val_t",
                                      "_ZnamSt11align_val_t",
                                      "_ZnwmRKSt9nothrow_t",
                                      "_ZnamRKSt9nothrow_t",
                                      "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                      "_ZnamSt11align_val_tRKSt9nothrow_t",
                                      "_ZdlPv",
                                      "_ZdaPv",
                                      "_ZdlPvm",
                                      "_ZdaPvm",
                                      "_ZdlPvSt11align_val_t",
                                      "_ZdaPvSt11align_val_t",
                                      "_ZdlPvmSt11align_val_t",
                                      "_ZdaPvmSt11align_val_t",
                                      "_ZdlPvRKSt9nothrow_t",
                                      "_ZdaPvRKSt9nothrow_t",
                                      "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                      "_ZdaPvSt11align_val_tRKSt9nothrow_t"};

constexpr const char* kFamily[] = {"malloc",
                                   "free",
                                   "calloc",
                                   "realloc",
                                   "reallocarray",
                                   "aligned_alloc",
                                   "posix_memalign",
                                   "memalign",
                                   "valloc",
                                   "pvalloc",
                                   "malloc_usable_size",
                                   "malloc_trim",
                                   "malloc_stats",
                                   "malloc_info",
                                   "mallinfo",
                                   "mallinfo2",
                                   "mallopt",
                                   "cfree",
                                   "__libc_malloc",
                                   "__libc_free",
                                   "__libc_calloc",
                                   "__libc_realloc",
                                   "__libc_memalign",
                                   "__libc_valloc",
                                   "__libc_pvalloc"};

void owned(Check& check, const char* name) {
  void* address = symbol(name);
  check.expect(address != nullptr, "not exported");
  if (address == nullptr) return;
  Dl_info mine{}, theirs{};
  check.expect(dladdr(symbol("malloc"), &mine) != 0 && dladdr(address, &theirs) != 0, "no module");
  if (mine.dli_fname == nullptr || theirs.dli_fname == nullptr) return;
  // On glibc the operators live in libstdc++, which is as it should be.
  const bool is_loam = std::strstr(mine.dli_fname, "libloam") != nullptr;
  if (is_loam)
    check.expect(std::strcmp(mine.dli_fname, theirs.dli_fname) == 0, "served by %s", theirs.dli_fname);
}

}  // namespace

// One symbol of the family that stays with another library is heap corruption waiting for its caller.
void add_ownership_cases(Table& table) {
  for (const char* name : kFamily) {
    table.push_back(
        {name, "served by the library under test", [=](Check& check) { owned(check, name); }, ""});
  }
  for (const char* name : kOperators) {
    table.push_back(
        {name, "served by the library under test", [=](Check& check) { owned(check, name); }, ""});
  }
}

}  // namespace loam::contract
