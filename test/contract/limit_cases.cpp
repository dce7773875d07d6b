// Out of memory for real, under RLIMIT_AS: the right error, nothing lost, and service again once memory is
// back.
#include <malloc.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "contract.hpp"

namespace loam::contract {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

void too_large(Check& check, const Allocator& row) {
  limit_memory(64 * kMiB);
  for (int i = 0; i < 3; ++i) {
    errno = kSentinel;
    const Answer answer = row.allocate(256 * kMiB);
    check.expect(answer.pointer == nullptr, "256 MiB under a limit of 64 MiB");
    check.expect(answer.error == ENOMEM, "error %d, not ENOMEM", answer.error);
    check.expect(answer.violation == nullptr, "%s", answer.violation);
  }
  for (int i = 0; i < 1000; ++i) {
    errno = kSentinel;
    const Answer answer = row.allocate(100);
    check.expect(answer.pointer != nullptr && errno == kSentinel, "small request %d fails afterwards", i);
    if (check.failed()) return;
    std::memset(answer.pointer, 1, 100);
  }
}

// The blocks hold their own list, so that counting them needs no memory.
struct Link {
  Link* next;
};

std::size_t take_all(Check& check, const Allocator& row, std::size_t size, Link** head, std::size_t bound) {
  std::size_t taken = 0;
  while (taken < bound) {
    errno = kSentinel;
    const Answer answer = row.allocate(size);
    if (answer.pointer == nullptr) {
      check.expect(answer.error == ENOMEM, "error %d, not ENOMEM", answer.error);
      return taken;
    }
    check.expect(errno == kSentinel, "errno became %d on success", errno);
    fill(answer.pointer, size, 11);
    auto* link = static_cast<Link*>(answer.pointer);
    link->next = *head;
    *head = link;
    ++taken;
  }
  check.expect(false, "%zu blocks fit: the limit is not reached", taken);
  return taken;
}

void give_all(Check& check, const Allocator& row, std::size_t size, Link* head) {
  while (head != nullptr) {
    Link* next = head->next;
    fill(head, sizeof(Link), 11);
    check.expect(holds(head, size, 11), "a block changed");
    row.release(head);
    head = next;
  }
}

void exhaust(Check& check, const Allocator& row, std::size_t size) {
  constexpr std::size_t kLimit = 16 * kMiB;
  limit_memory(kLimit);
  Link* head = nullptr;
  const std::size_t first = take_all(check, row, size, &head, 2 * kLimit / size);
  check.expect(first * size * 10 >= kLimit * 6, "%zu blocks of %zu bytes are less than 60 %% of the limit",
               first, size);
  give_all(check, row, size, head);
  head = nullptr;
  const std::size_t second = take_all(check, row, size, &head, 2 * kLimit / size);
  check.expect(second * 10 >= first * 9, "%zu blocks fitted, after freeing all %zu", first, second);
  give_all(check, row, size, head);
  // Other sizes get at what was freed, too.
  Answer other = row.allocate(4 * kMiB);
  check.expect(other.pointer != nullptr, "4 MiB not to be had after all was freed");
  if (other.pointer != nullptr) row.release(other.pointer);
}

// A block that can't grow keeps its content, and can still be freed.
void resize_refused(Check& check) {
  limit_memory(64 * kMiB);
  for (const std::size_t size : {std::size_t{24}, std::size_t{5000}, std::size_t{200000}, 3 * kMiB}) {
    void* block = malloc(size);
    if (block == nullptr) return check.expect(false, "no memory for %zu", size);
    fill(block, size, 2);
    errno = kSentinel;
    void* larger = realloc(block, 512 * kMiB);
    check.expect(larger == nullptr, "512 MiB under a limit of 64");
    check.expect(errno == ENOMEM, "errno is %d", errno);
    errno = kSentinel;
    void* array = reallocarray(block, 1024, 512 * 1024);
    check.expect(array == nullptr, "512 MiB under a limit of 64");
    check.expect(errno == ENOMEM, "errno is %d", errno);
    if (larger != nullptr || array != nullptr) return;
    check.expect(holds(block, size, 2), "content of %zu changed", size);
    free(block);
  }
}

}  // namespace

void add_limit_cases(Table& table) {
  for (const Allocator& row : allocators()) {
    table.push_back(
        {row.symbol, row.how + " beyond RLIMIT_AS", [=](Check& check) { too_large(check, row); },
         row.failure == Failure::kCode ? "posix_memalign sets errno besides returning the error" : ""});
    if (row.alignment > 16) continue;  // what an alignment may cost at the edge of memory is no contract
    for (const std::size_t size :
         {std::size_t{64}, std::size_t{1000}, std::size_t{20000}, std::size_t{100000}, kMiB}) {
      table.push_back({row.symbol, row.how + " until nothing is left, n = " + std::to_string(size),
                       [=](Check& check) { exhaust(check, row, size); }, ""});
    }
  }
  table.push_back({"realloc, reallocarray", "beyond RLIMIT_AS the old block stays", resize_refused, ""});
}

}  // namespace loam::contract
