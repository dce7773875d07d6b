// Marks what can be reached, on one thread or several at once: takes words, takes the objects they point to out of the open ones,
// reads those in turn. Conservative: every aligned word of an object counts, and a pointer to any byte of it; objects of
// kTyped tell their pointers themselves, atomic ones have none.
//
// Objects that were found wait on a stack; what leaves it passes through a short queue while its memory is on its way from
// RAM, as in the marker of the leak search. A second marker gets the lower half of the first one's stack when it has nothing left: what
// lies there was found early and usually leads to most.
//
// Invariant: an object is taken once, by one marker. Owns its stack's memory, which stays from one collection to the next.
// Locking: the pool's, for a few instructions. Requires: blocks neither come nor go while marking.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/space.hpp"

namespace loam::collector {

class Marker;

// What the first word of an object of kTyped leads to.
struct Type {
  void (*trace)(void* object, Marker& marker);  // calls add_word or add_range for whatever may hold a pointer
};

// Where markers leave work for each other.
class Pool {
 public:
  static constexpr uint32_t kRoom = 4096;

  bool hungry() const { return idle_.load(std::memory_order_relaxed) != 0; }
  // Before and after: opens the pool to others, and closes it once nobody is in.
  void open();
  void close();
  // Returns false if the pool is not open.
  bool enter();
  void leave();
  // Takes entries from the bottom of the stack. Returns how many.
  uint32_t give(const uint64_t* entries, uint32_t count);
  // Waits for work. Returns how much was taken, 0 when nobody has any.
  uint32_t take(uint64_t* entries);

 private:
  void lock();
  void unlock() { lock_.store(0, std::memory_order_release); }

  std::atomic<uint32_t> lock_{0};
  std::atomic<uint32_t> idle_{0};
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> count_{0};
  bool open_ = false;
  uint64_t entries_[kRoom] = {};
};

class Marker {
 public:
  // Room for the stack. Returns false without memory.
  bool prepare(uint64_t most_entries);

  void add_word(uint64_t word) {
    if (word - base_ < extent_) follow(word);
  }
  // Every aligned word of the range. Requires: readable.
  void add_range(uint64_t start, uint64_t end);
  // The pointers of an object, whether it is taken or not.
  void add_content(Slot slot);
  // Until nothing is left to read.
  void drain();
  // The same, together with whoever else has entered the pool.
  void drain_shared(Pool& pool);

  uint64_t objects() const { return objects_; }
  uint64_t room() const { return room_; }

 private:
  static constexpr unsigned kQueue = 8;
  // An object that waits: its address, and above 48 bits its size in units; 0 if it must be looked up.
  using Entry = uint64_t;
  static constexpr unsigned kSizeShift = 48;

  void follow(uint64_t word);
  bool take(uint32_t block, uint32_t index);
  void read(Entry entry);
  void read_words(uint64_t start, uint64_t end);
  void read_unusual(uint64_t address);
  void run(Pool* pool);
  void share(Pool& pool);

  uint64_t base_ = 0;
  uint64_t extent_ = 0;
  bool shared_ = false;
  Entry* stack_ = nullptr;
  uint64_t top_ = 0;
  uint64_t bottom_ = 0;  // what lies below was given away
  uint64_t room_ = 0;
  uint64_t objects_ = 0;
};

}  // namespace loam::collector
