// The loop of operator new over the new-handler, for all eight forms, with memory refused and with memory
// gone.
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "contract.hpp"

namespace loam::contract {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::size_t kNever = std::size_t{1} << 47;  // more than the address space has
constexpr std::align_val_t kWide{512};

struct Form {
  const char* symbol;
  bool throws;
  std::function<void*(std::size_t)> allocate;
};

std::vector<Form> forms() {
  return {
      {"operator new(n)", true, [](std::size_t n) { return ::operator new(n); }},
      {"operator new[](n)", true, [](std::size_t n) { return ::operator new[](n); }},
      {"operator new(n, align)", true, [](std::size_t n) { return ::operator new(n, kWide); }},
      {"operator new[](n, align)", true, [](std::size_t n) { return ::operator new[](n, kWide); }},
      {"operator new(n, nothrow)", false, [](std::size_t n) { return ::operator new(n, std::nothrow); }},
      {"operator new[](n, nothrow)", false, [](std::size_t n) { return ::operator new[](n, std::nothrow); }},
      {"operator new(n, align, nothrow)", false,
       [](std::size_t n) { return ::operator new(n, kWide, std::nothrow); }},
      {"operator new[](n, align, nothrow)", false,
       [](std::size_t n) { return ::operator new[](n, kWide, std::nothrow); }},
  };
}

struct Derived : std::bad_alloc {
  const char* what() const noexcept override { return "a handler's own"; }
};

unsigned g_calls;
void* g_spare;

enum class End { kBlock, kNull, kBadAlloc, kDerived, kInt };

End ask(const Form& form, std::size_t size) {
  try {
    void* block = form.allocate(opaque(size));
    return block != nullptr ? End::kBlock : End::kNull;
  } catch (const Derived&) {
    return End::kDerived;
  } catch (const std::bad_alloc&) {
    return End::kBadAlloc;
  } catch (int) {
    return End::kInt;
  }
}

void expect_end(Check& check, End seen, End wanted) {
  constexpr const char* kNames[] = {"a block", "NULL", "bad_alloc", "the derived exception", "an int"};
  check.expect(seen == wanted, "ended with %s, not with %s", kNames[static_cast<int>(seen)],
               kNames[static_cast<int>(wanted)]);
}

void no_handler(Check& check, const Form& form) {
  std::set_new_handler(nullptr);
  expect_end(check, ask(form, kNever), form.throws ? End::kBadAlloc : End::kNull);
  expect_end(check, ask(form, 100), End::kBlock);
}

// libstdc++ rounds the size of the aligned forms up; whoever leaves the loop to it must not let the sum wrap.
void no_handler_wrapping(Check& check, const Form& form) {
  std::set_new_handler(nullptr);
  expect_end(check, ask(form, SIZE_MAX - 100), form.throws ? End::kBadAlloc : End::kNull);
}

void handler_gives_up(Check& check, const Form& form) {
  g_calls = 0;
  std::set_new_handler([] {
    if (++g_calls == 3) std::set_new_handler(nullptr);
  });
  expect_end(check, ask(form, kNever), form.throws ? End::kBadAlloc : End::kNull);
  check.expect(g_calls == 3, "the handler ran %u times, not 3", g_calls);
}

void handler_throws_derived(Check& check, const Form& form) {
  g_calls = 0;
  std::set_new_handler([] {
    ++g_calls;
    throw Derived();
  });
  expect_end(check, ask(form, kNever), form.throws ? End::kDerived : End::kNull);
  check.expect(g_calls == 1, "the handler ran %u times", g_calls);
}

// Nothing but bad_alloc is allowed by the standard; what a handler throws all the same must pass through
// unchanged.
void handler_throws_int(Check& check, const Form& form) {
  std::set_new_handler([] { throw 7; });
  expect_end(check, ask(form, kNever), End::kInt);
}

void handler_frees(Check& check, const Form& form) {
  g_spare = malloc(96 * kMiB);
  if (g_spare == nullptr) return check.expect(false, "no memory to start with");
  limit_memory(16 * kMiB);
  g_calls = 0;
  std::set_new_handler([] {
    ++g_calls;
    free(g_spare);
    g_spare = nullptr;
    std::set_new_handler(nullptr);
  });
  expect_end(check, ask(form, 64 * kMiB), End::kBlock);
  check.expect(g_calls == 1, "the handler ran %u times", g_calls);
}

// A program that keeps going: the handler hands out its reserve piece by piece until small blocks fit again.
void handler_frees_small(Check& check, const Form& form) {
  std::set_new_handler(nullptr);
  limit_memory(24 * kMiB);
  static void* reserve[64 * 1024];
  std::size_t held = 0;
  while (held < 64 * 1024 && (reserve[held] = malloc(1000)) != nullptr) ++held;
  check.expect(held > 4000 && held < 64 * 1024, "%zu blocks of 1000 bytes fit in 24 MiB", held);
  static std::size_t left;
  left = held;
  std::set_new_handler([] {
    for (int i = 0; i < 64 && left > 0; ++i) free(reserve[--left]);
    if (left == 0) std::set_new_handler(nullptr);
  });
  for (int i = 0; i < 1000; ++i) {
    const End end = ask(form, 1000);
    if (end != End::kBlock) return expect_end(check, end, End::kBlock);
  }
}

}  // namespace

void add_operator_cases(Table& table) {
  for (const Form& form : forms()) {
    table.push_back({form.symbol, "no handler", [=](Check& check) { no_handler(check, form); }, ""});
    const bool aligned = std::string(form.symbol).find("align") != std::string::npos;
    table.push_back(
        {form.symbol, "no handler, a size that wraps when rounded",
         [=](Check& check) { no_handler_wrapping(check, form); },
         aligned ? "libstdc++ rounds the size up to a multiple of the alignment, and the sum wraps" : ""});
    table.push_back({form.symbol, "the handler gives up at its third call",
                     [=](Check& check) { handler_gives_up(check, form); }, ""});
    table.push_back({form.symbol, "the handler throws a derived bad_alloc",
                     [=](Check& check) { handler_throws_derived(check, form); }, ""});
    table.push_back(
        {form.symbol, "the handler frees 96 MiB", [=](Check& check) { handler_frees(check, form); }, ""});
    table.push_back({form.symbol, "the handler frees small blocks",
                     [=](Check& check) { handler_frees_small(check, form); }, ""});
    if (form.throws) {
      table.push_back({form.symbol, "the handler throws an int",
                       [=](Check& check) { handler_throws_int(check, form); }, ""});
    }
  }
}

}  // namespace loam::contract
