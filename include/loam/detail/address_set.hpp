// Which blocks a pool has handed out under `loam check`, where each is a heap block of its own. Not for direct use.
#ifndef LOAM_DETAIL_ADDRESS_SET_HPP
#define LOAM_DETAIL_ADDRESS_SET_HPP

#include <loam/detail/secret.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace loam::detail {

// A set of addresses. They are mixed with the secret, so that a set of blocks keeps none of them from being a leak.
// Thread safety: none.
class address_set {
 public:
  bool contains(std::uintptr_t address) const noexcept {
    if (keys_ == nullptr) return false;
    for (std::size_t i = slot_of(address ^ secret);; i = (i + 1) & mask()) {
      if (keys_[i] == (address ^ secret)) return true;
      if (keys_[i] == 0) return false;
    }
  }

  // Requires: the address is not there, and is not 0. Throws std::bad_alloc, and has changed nothing then.
  void insert(std::uintptr_t address) {
    if (keys_ == nullptr || (used_ + 1) * 2 > mask()) grow();
    put(address ^ secret);
    ++used_;
  }

  // Returns false if it is not there.
  bool erase(std::uintptr_t address) noexcept {
    if (keys_ == nullptr) return false;
    std::size_t i = slot_of(address ^ secret);
    while (keys_[i] != (address ^ secret)) {
      if (keys_[i] == 0) return false;
      i = (i + 1) & mask();
    }
    close_gap(i);
    --used_;
    return true;
  }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; keys_ != nullptr && i <= mask(); ++i) {
      if (keys_[i] != 0) visit(keys_[i] ^ secret);
    }
  }

  std::size_t size() const noexcept { return used_; }
  void clear() noexcept {
    keys_.reset();
    used_ = 0;
    log_ = 0;
  }

 private:
  std::size_t mask() const noexcept { return (std::size_t{1} << log_) - 1; }
  // Blocks are multiples of 16: the multiplication spreads them.
  std::size_t slot_of(std::uintptr_t key) const noexcept {
    return static_cast<std::size_t>(((key ^ secret) * 0x9e3779b97f4a7c15u) >> (64 - log_));
  }
  void put(std::uintptr_t key) noexcept {
    std::size_t i = slot_of(key);
    while (keys_[i] != 0) i = (i + 1) & mask();
    keys_[i] = key;
  }
  void grow() {
    const std::size_t old_count = keys_ == nullptr ? 0 : mask() + 1;
    const unsigned log = keys_ == nullptr ? 4 : log_ + 1;
    auto fresh = std::make_unique<std::uintptr_t[]>(std::size_t{1} << log);
    const auto old = std::exchange(keys_, std::move(fresh));
    log_ = log;
    for (std::size_t i = 0; i < old_count; ++i) {
      if (old[i] != 0) put(old[i]);
    }
  }
  // Entries behind a gap move up, or a search would end there. (D. Knuth, The Art of Computer Programming 3, 6.4 R.)
  void close_gap(std::size_t gap) noexcept {
    for (std::size_t i = (gap + 1) & mask(); keys_[i] != 0; i = (i + 1) & mask()) {
      const std::size_t wanted = slot_of(keys_[i]);
      if (((i - wanted) & mask()) < ((i - gap) & mask())) continue;
      keys_[gap] = keys_[i];
      gap = i;
    }
    keys_[gap] = 0;
  }

  std::unique_ptr<std::uintptr_t[]> keys_;
  unsigned log_ = 0;
  std::size_t used_ = 0;
};

}  // namespace loam::detail

#endif
