// The operations that the micro-benchmarks time and count: each a plain loop over malloc and free whose
// iterations are separated by a marker instruction, so that one and the same machine code is timed by `pairs`
// and counted by `icount`.
//
// Invariant: the compiler neither removes nor merges a call (every pointer goes through keep()), and an
// iteration does nothing beside the calls but the loop itself, whose price the operation `loop` tells.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace loam::bench {

// A no-operation whose operand bits identify it: the single-stepping parent recognises it at the program
// counter. 0f 1f 80 disp32 = nopl disp32(%rax).
inline constexpr unsigned kUnitMark = 0x10a31d0a;
inline constexpr unsigned kEndMark = 0x10a3e0d1;

inline void mark_unit() { asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" ::"i"(kUnitMark) : "memory"); }
inline void mark_end() { asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" ::"i"(kEndMark) : "memory"); }

template <class T>
inline void keep(T* pointer) {
  asm volatile("" : : "r"(pointer) : "memory");
}

struct Operation {
  std::string_view name;
  void (*run)(std::size_t size, long units);
  std::size_t size;   // of the blocks, or what run() takes it for
  int pairs;          // malloc and free pairs in one unit, for the division
  int weight;         // about how many pairs' work a unit is: `icount` steps through so many units fewer
  bool is_basic;      // part of the default set
  bool is_countable;  // one thread, and no kernel work in it: `icount` can step through it
};

// How much larger the block is than what was asked for after a doubling chain up to `size`, as a share.
double slack_after_chain(std::size_t size);

// Of one thread, and of several.
std::span<const Operation> plain_operations();
std::span<const Operation> threaded_operations();

std::vector<Operation> operations();

// nullptr when there is none of that name; valid for ever.
const Operation* find_operation(std::string_view name);

}  // namespace loam::bench
