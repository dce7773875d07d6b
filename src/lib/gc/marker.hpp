// Marks what can be reached, on one thread or several at once: takes words, takes the objects they point to out of the open ones,
// reads those in turn. Conservative: every aligned word of an object counts, and a pointer to any byte of it; objects of
// kTyped tell their pointers themselves, atomic ones have none.
//
// Pointers wait in buckets, by the region of the heap that they lead to (buckets.hpp), and objects that were found wait as bits. When a region's
// turn comes, its pointers are followed and whatever waits in it is read from its lowest address up: until then more of its objects are found,
// so that memory that pointers lead to in any order is read by pages, and the bits of a region are fetched once for all of its
// pointers. What is read passes through a short queue while it is on its way from RAM. Of two markers whichever has its turn in a region takes the
// pointers of both; who has nothing left gets regions of the other's, or part of a large object.
//
// Invariant: an object is taken once, by one marker; where something waits, one marker at least has the region in its ring, or is reading it.
// Owns its buckets, which stay from one collection to the next.
// Locking: of two markers, a region's for its bits; the pool's. Requires: no block is freed while marking.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/buckets.hpp"
#include "lib/gc/regions.hpp"
#include "lib/gc/space.hpp"
#include "sys/work_pool.hpp"

namespace loam::collector {

class Marker;

// What the first word of an object of kTyped leads to.
struct Type {
  void (*trace)(void* object,
                Marker& marker);  // calls add_word_at or add_range for whatever may hold a pointer
  int owns;                       // 1: its objects may own memory outside the heap that holds pointers
};

// What a marker may leave to another: a region in which objects wait, or a part of a large object.
struct Work {
  uint64_t start;  // of the part; 0: a region
  uint64_t what;   // where the part ends, or the region's number
};
using Pool = sys::WorkPool<Work>;

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
  // Both will mark side by side. Requires: both are prepared, neither marks yet.
  void join(Marker& other) {
    other_ = &other;
    other.other_ = this;
  }
  // Until nothing is left to read.
  void drain();
  // The same, together with the other marker, which is in the pool as the caller is, or comes.
  void drain_shared(Pool& pool);
  // Marks what others leave in the pool, until it is closed. Requires: as above.
  void help(Pool& pool);
  // The same, and asks now and then whether to go on; if not, returns false, and what was left to read is lost.
  using GoOn = bool (*)(uint64_t objects);
  bool drain_while(GoOn go_on) { return run(nullptr, go_on); }
  // The same, and leaves work in the pool for one that helps for a while. Requires: joined with it.
  bool drain_beside(Pool& pool, GoOn go_on);
  // Marks what others leave in the pool until `go_on` says no or there is nothing; what is left then waits for the next time. Returns whether
  // there was something.
  bool help_beside(Pool& pool, GoOn go_on);
  // What the other one has left is this one's. Returns whether there is something to mark. Requires: this one has nothing left, the other does
  // not mark.
  bool take_over(Marker& other);
  // They mark side by side no longer.
  void part() {
    if (other_ != nullptr) other_->other_ = nullptr;
    other_ = nullptr;
  }
  // While the program runs, objects that own memory outside the heap are not traced but kept among the outsiders, and their own words
  // count.
  void set_beside(bool on) { beside_ = on; }

  uint64_t objects() const { return objects_; }

 private:
  // Objects at a time: between two times everything else is looked at, whether another wants work, or whether to stop.
  static constexpr uint32_t kAtOnce = 64;
  // So many objects are on their way from RAM.
  static constexpr uint32_t kFetched = 16;
  // Pointers that are put into buckets at a time.
  static constexpr uint32_t kFound = 256;
  // So many are followed at once where nothing else is known.
  static constexpr uint32_t kFew = 16;

  // Objects that wait no longer in the bits, and are not read yet: of 64 neighbours.
  struct Taken {
    uint64_t bits;
    uint32_t word;
  };
  // An object that is about to be read, or neighbours. start == end: typed or large.
  struct Entry {
    uint64_t start;
    uint64_t end;
  };
  struct Tables {
    Entry queue[kAtOnce + kFetched + 64];
    uint64_t found[kFound];
    uint64_t reached[uint64_t{kRegionBlocks} * kBitWords];  // zero between two regions
    Taken taken[uint64_t{kRegionBlocks} * kBitWords];       // of the region whose turn it is
  };

  void follow(uint64_t word) {
    const uint64_t offset = word - base_;
    if (buckets_.add(offset)) [[unlikely]]
      settle_full(static_cast<uint32_t>(offset >> kRegionShift));
  }
  void follow_found();
  void queue_found();
  void settle(uint32_t region, bool begun);
  void settle_full(uint32_t region);
  void settle_many(uint32_t region, bool begun);
  template <class Visit>
  void empty_buckets(uint32_t region, bool begun, Visit visit);
  bool take_reached(uint32_t number, uint64_t* reached);
  void settle_unusual(uint32_t region, uint32_t number);
  void settle_large(uint32_t number);
  void settle_rest(uint32_t region, uint32_t number);
  void take_waiting(uint32_t region);
  uint32_t next_region();
  bool take_region();
  void queue_word(const Taken& taken);
  void fill_queue();
  void read_queue();
  static void prefetch(const Entry& entry);
  void read(const Entry& entry);
  void sift(uint64_t start, uint64_t end);
  void read_words(uint64_t start, uint64_t end);
  void read_many(uint64_t start, uint64_t end);
  void read_unusual(uint64_t address);
  bool run(Pool* pool, GoOn go_on);
  // Gets work from the pool, without waiting. Returns false if there is none.
  bool fetch(Pool& pool);
  bool has_rest() const;
  // Whether it is worth a look if somebody wants some: who waits writes to that line all the time.
  bool has_plenty() const { return found_ > kFew || buckets_.count() > 1 || rest_start_ != rest_end_; }
  void share(Pool& pool);
  void accept(const Work& work);
  void lock(uint32_t region) {
    if (shared_) Regions::lock(regions.region(region));
  }
  void unlock(uint32_t region) {
    if (shared_) Regions::unlock(regions.region(region));
  }

  uint64_t base_ = 0;
  uint64_t extent_ = 0;
  bool shared_ = false;
  bool beside_ = false;      // the program runs
  bool outside_ = false;     // the object that is being traced has pointers outside the heap
  Marker* other_ = nullptr;  // of two
  Marks* marks_ = nullptr;
  Buckets buckets_;
  Tables* tables_ = nullptr;
  uint32_t taken_count_ = 0;
  uint32_t taken_at_ = 0;
  uint32_t queued_ = 0;
  uint32_t found_ = 0;
  // What is left of a large object.
  uint64_t rest_start_ = 0;
  uint64_t rest_end_ = 0;
  uint64_t objects_ = 0;
};

}  // namespace loam::collector
