// Marks what can be reached, on one thread or several at once: takes words, takes the objects they point to out of the open ones,
// reads those in turn. Conservative: every aligned word of an object counts, and a pointer to any byte of it; objects of
// kTyped tell their pointers themselves, atomic ones have none.
//
// Objects that were found wait as bits, 64 neighbours of a block to a word, and the words wait in a ring, as in the marker of the
// leak search: until a word's turn comes more of its objects are found, so that memory that pointers lead to in any order is read by
// pages. What leaves the words passes through a short queue while its memory is on its way from RAM, and so does each pointer while
// the bits of what it leads to are. A second marker gets words, or
// part of a large object, when it has nothing left.
//
// Invariant: an object is taken once, by one marker; a word is in the ring, once, exactly if it has a bit. Owns bits and ring, which stay
// from one collection to the next.
// Locking: the pool's, for a few instructions. Requires: no block is freed while marking.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/space.hpp"

namespace loam::collector {

class Marker;

// What the first word of an object of kTyped leads to.
struct Type {
  void (*trace)(void* object,
                Marker& marker);  // calls add_word_at or add_range for whatever may hold a pointer
  int owns;                       // 1: its objects may own memory outside the heap that holds pointers
};

// What a marker may leave to another: neighbours that wait, or a part of a large object.
struct Work {
  uint64_t at;    // a word of bits, with kWorkIsBits; or where the range starts
  uint64_t what;  // the bits, or where it ends
};
constexpr uint64_t kWorkIsBits = uint64_t{1} << 63;

// Where markers leave work for each other.
class Pool {
 public:
  static constexpr uint32_t kRoom = 1024;

  bool hungry() const { return idle_.load(std::memory_order_relaxed) != 0; }
  // Before and after: opens the pool to others, and closes it once nobody is in.
  void open();
  void close();
  // Returns false if the pool is not open.
  bool enter();
  void leave();
  // Returns whether there was room.
  bool give(Work work);
  // Waits for work: half of what there is, at most kTaken. Returns how much, 0 when nobody has any.
  static constexpr uint32_t kTaken = 64;
  uint32_t take(Work* work);

 private:
  void lock();
  void unlock() { lock_.store(0, std::memory_order_release); }

  std::atomic<uint32_t> lock_{0};
  std::atomic<uint32_t> idle_{0};
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> count_{0};
  bool open_ = false;
  Work work_[kRoom] = {};
};

class Marker {
 public:
  // Room for what waits. Returns false without memory.
  bool prepare();

  void add_word(uint64_t word) {
    if (word - base_ < extent_) follow(word);
  }
  // Every aligned word of the range. Requires: readable.
  void add_range(uint64_t start, uint64_t end);
  // The same, and tells where the word lies: an object that has pointers outside the heap is remembered.
  void add_word_at(uint64_t word, uint64_t where) {
    if (where - base_ >= extent_) outside_ = true;
    add_word(word);
  }
  // The pointers of an object, whether it is taken or not.
  void add_content(Slot slot) {
    read_content(slot);
    settle_all();
  }
  // The same, to be settled later.
  void read_content(Slot slot);
  // All words that were added count from now on.
  void settle_all();
  // Until nothing is left to read.
  void drain();
  // The same, together with whoever else has entered the pool.
  void drain_shared(Pool& pool);
  // The same, and asks now and then whether to go on; if not, returns false, and what was left to read is lost.
  using GoOn = bool (*)(uint64_t objects);
  bool drain_while(GoOn go_on) { return run(nullptr, go_on); }
  // While the program runs, objects that own memory outside the heap are not traced but kept among the outsiders, and their own words
  // count.
  void set_beside(bool on) { beside_ = on; }

  uint64_t objects() const { return objects_; }

 private:
  static constexpr unsigned kQueue = 8;
  static constexpr unsigned kPointers = 16;

  // Where a pointer leads to.
  struct Pointer {
    uint32_t word;  // of bits
    uint8_t at;     // in it
    uint8_t is;     // 0: none, 1: one
    uint8_t leads;  // 1: its object has pointers
  };
  // An object on its way from RAM. start == end: typed or large.
  struct Entry {
    uint64_t start;
    uint64_t end;
  };

  void follow(uint64_t word);
  void settle(Pointer pointer);
  void settle_shared(Pointer pointer);
  void put(uint32_t word, uint64_t bits);
  uint64_t take_waiting(uint32_t word);
  bool next(Entry& entry);
  void read(const Entry& entry);
  void read_words(uint64_t start, uint64_t end);
  void read_unusual(uint64_t address);
  bool run(Pool* pool, GoOn go_on);
  void share(Pool& pool);

  uint64_t base_ = 0;
  uint64_t extent_ = 0;
  bool shared_ = false;
  bool beside_ = false;   // the program runs
  bool outside_ = false;  // the object that is being traced has pointers outside the heap
  Marks* marks_ = nullptr;
  Pointer pointers_[kPointers] = {};
  unsigned next_pointer_ = 0;
  uint32_t* ring_ = nullptr;  // words of which something waits
  uint64_t ring_mask_ = 0;
  uint64_t first_ = 0;
  uint64_t last_ = 0;
  // The word whose turn it is: which of its objects are left, where they lie.
  uint64_t bits_ = 0;
  uint64_t start_ = 0;
  uint64_t step_ = 0;
  uint64_t read_bytes_ = 0;  // of each; 0: to be looked up
  // What is left of a large object.
  uint64_t rest_start_ = 0;
  uint64_t rest_end_ = 0;
  uint64_t objects_ = 0;
};

}  // namespace loam::collector
