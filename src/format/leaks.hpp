// What the search for leaks in a process answers: a LeakHeader, then its LeakClass, LeakThread, LeakSite and LeakRecord rows in
// this order, then its LeakNote rows, then the stacks that these name (format/stacks.hpp), and at last a LeakTrailer, which the process itself writes when the copy that searched has ended.
//
// Invariant: plain integers of fixed size, same machine, same byte order; `version` changes with any of them.
// Locking: none, these are messages.
#pragma once

#include <cstdint>

namespace loam::format {

inline constexpr std::uint32_t kLeaksVersion = 4;

struct LeakHeader {
  std::uint32_t version;
  std::uint32_t attempts;  // how often the threads were stopped, since one had been running
  std::uint64_t classes;   // rows that follow, of each kind
  std::uint64_t threads;
  std::uint64_t sites;
  std::uint64_t leaks;
  std::uint64_t notes;
  std::uint64_t stack_bytes;  // of the stacks
  std::uint64_t every_block;  // 1: of each block the stack is remembered, 0: of a sample at most
  std::uint64_t left_out;     // leaks beyond kMostLeakRecords

  std::uint64_t live_blocks;
  std::uint64_t live_bytes;
  std::uint64_t reachable_blocks;
  std::uint64_t reachable_bytes;

  std::uint64_t pause_ns;  // how long the threads stood still
  std::uint64_t copy_ns;   // of that the copy of the process
  std::uint64_t map_ns;
  std::uint64_t mark_ns;
  std::uint64_t copy_cpu_ns;  // of processor time: on a busy machine the clock tells what others did, too
  std::uint64_t mark_cpu_ns;
  std::uint64_t sort_ns;
  std::uint64_t words_read;

  std::uint64_t root_stack_bytes;
  std::uint64_t root_data_bytes;
  std::uint64_t root_registers;
  std::uint64_t unknown_registers;  // so many blocks may be held by nothing that can be seen
  std::uint64_t ended_stacks;
  std::uint64_t devices_left_out;

  std::uint64_t threads_answered;
  std::uint64_t threads_waiting;  // left alone in the kernel
  std::uint64_t threads_silent;
  std::uint64_t threads_interrupted;  // of those that answered: their system call has returned early
};

struct LeakClass {
  std::uint64_t bytes;  // of a block; 0: large blocks
  std::uint64_t reachable_blocks;
  std::uint64_t reachable_bytes;
};

// Reachable blocks that one stack has allocated, as far as it is remembered.
struct LeakSite {
  std::uint64_t stack;
  std::uint64_t blocks;
  std::uint64_t bytes;
};

// A thread that did not stop.
struct LeakThread {
  std::uint64_t id;
  char name[16];
};

enum class LeakKind : std::uint32_t { kDefinite, kIndirect, kDeadSlot, kDeadSlotIndirect };

inline constexpr unsigned kLeakWords = 4;

// In place of a stack: allocated by the process that this one was forked from, which is the one to lose it.
inline constexpr std::uint32_t kInherited = 0xffff'ffffU;

struct LeakRecord {
  std::uint64_t address;
  std::uint64_t bytes;
  std::uint64_t resident;  // bytes of it in memory
  std::uint64_t span;      // address of the span it lies in
  LeakKind kind;
  std::uint32_t stack;              // id of the stack that allocated it, 0 unknown; kInherited
  std::uint32_t owner;              // index of the record that it hangs on, its own for a head
  std::uint32_t parent;             // index of the record that points to it, its own for a head
  std::uint64_t words[kLeakWords];  // its first bytes; words that do not fit are 0
};

// What the program has said of a block, lost or not; the newest first.
struct LeakNote {
  std::uint64_t address;
  char text[200];
};

struct LeakTrailer {
  std::uint64_t search_ns;      // the whole life of the copy
  std::uint64_t huge_joined;    // bytes of small pages made huge ones before that
  std::uint64_t huge_before;    // bytes on huge pages when the threads were stopped
  std::uint64_t huge_broken;    // of these no more when the copy had ended
  std::uint64_t huge_restored;  // of these again
};

// By which words a block is held: a ChainHeader, then its ChainLink rows, the block that was asked for first, and a LeakTrailer.
enum class ChainState : std::uint32_t { kNoBlock, kLost, kHeld };

struct ChainHeader {
  std::uint32_t version;  // kLeaksVersion
  ChainState state;
  std::uint64_t links;
  std::uint64_t left_out;  // links behind these, towards the root
  std::uint64_t root;      // address of the word in a root that leads to the last link; 0: a register
  std::uint64_t pause_ns;
};

struct ChainLink {
  std::uint64_t address;
  std::uint64_t bytes;
  std::uint64_t
      offset;  // in this block, of the word that leads to the link before; of the first: of what was asked for
};

inline constexpr std::uint64_t kMostChainLinks = 1000;

// More than this many are counted only: 80 bytes each, on their way through a socket.
inline constexpr std::uint64_t kMostLeakRecords = std::uint64_t{1} << 22;

// Why a process does not let itself be copied: what it had, what it would take.
struct LeakRefusal {
  std::uint64_t limit;  // of the control group, ~0 if none
  std::uint64_t used;
  std::uint64_t available;  // on the machine
  std::uint64_t wanted;
  std::uint64_t error;  // errno of the copy, 0 if it was not tried
};

static_assert(sizeof(LeakRecord) == 80);

}  // namespace loam::format
