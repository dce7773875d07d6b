// The table of contract cases: what each function of the malloc family promises, one case a line.
//
// Owns: the list of cases, filled before main() runs them. Invariant: every case runs in a child of its own,
// so that a crash, a changed limit or a leak in one can't reach the next. Locking: none, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace loam::contract {

constexpr int kSentinel = 4242;  // no errno value: a call that succeeds must leave it where it is

// Collects what a case found wrong.
class Check {
 public:
  // Notes a failure with its text unless `held`.
  void expect(bool held, const char* format, ...) __attribute__((format(printf, 3, 4)));
  bool failed() const { return !text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Case {
  std::string symbol;
  std::string name;
  std::function<void(Check&)> run;
  // Why glibc (or libstdc++) is allowed to fail this case; empty where it must hold there too.
  std::string glibc_differs;
};

using Table = std::vector<Case>;

// How a function says that it has no memory.
enum class Failure { kNull, kCode, kThrow, kNullNothrow };

// One way of asking for memory, in a uniform dress.
struct Answer {
  void* pointer = nullptr;
  int error = 0;                    // ENOMEM, EINVAL ... however the function said it; 0 on success
  const char* violation = nullptr;  // a promise broken on the way, such as *p written on failure
};

struct Allocator {
  std::string symbol;
  std::string how;  // the call as text, %zu left out: "aligned_alloc(64, n)"
  std::size_t alignment;
  Failure failure;
  bool zeroes;
  std::function<Answer(std::size_t)> allocate;
  std::function<void(void*)> release;
};

// Every way of asking for memory that glibc and libstdc++ offer (in the library under test, whatever it is).
std::vector<Allocator> allocators();

// The function `name` as the program would bind it, or nullptr.
void* symbol(const char* name);

// Fills and verifies blocks with a pattern that depends on the position, so that a shifted copy is seen.
void fill(void* block, std::size_t size, unsigned seed);
bool holds(const void* block, std::size_t size, unsigned seed);
bool all_zero(const void* block, std::size_t size);

// Lets this process map at most `extra` bytes more than it has now.
void limit_memory(std::size_t extra);
// Resident set in bytes.
std::size_t resident();
// Address space in use, in bytes.
std::size_t mapped();

// Hides a value from the optimizer, so that it can't reason about sizes that can't exist.
template <typename T>
T opaque(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

void add_allocation_cases(Table& table);
void add_alignment_cases(Table& table);
void add_resize_cases(Table& table);
void add_release_cases(Table& table);
void add_operator_cases(Table& table);
void add_limit_cases(Table& table);
void add_report_cases(Table& table);
void add_ownership_cases(Table& table);

}  // namespace loam::contract
