// Memory for the analysis alone: mappings that no figure of the heap counts and that are no roots. Given back all at once.
// Invariant: what was taken is zero and stays where it is. Locking: none, one analysis at a time has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::scan {

class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Room for `count` elements, whose pages cost nothing until they are touched; null when the kernel gives none.
  template <class T>
  T* take(uint64_t count) {
    return static_cast<T*>(take_bytes(count * sizeof(T)));
  }

  struct Piece {
    uint64_t start;
    uint64_t end;
  };
  unsigned pieces() const { return count_; }
  const Piece& piece(unsigned index) const { return pieces_[index]; }

 private:
  static constexpr unsigned kMostPieces = 24;

  void* take_bytes(uint64_t bytes);

  unsigned count_ = 0;
  Piece pieces_[kMostPieces] = {};
};

}  // namespace loam::scan
