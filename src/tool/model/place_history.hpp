// Where a thread's next block mostly lies: what it has freed in the class of that size, last first, or where the class went on. Writer and
// reader of a recording keep the same history, so that a token of a byte tells an address. What a thread frees it is handed out again itself,
// whoever allocated it.
// Not for sharing between threads. Memory: 12 KiB for each of at most kMostThreads threads, 16 bytes for each block that was freed.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace loam::tool {

class PlaceHistory {
 public:
  static constexpr unsigned kDepth = 8;
  // Tokens: how far down among those freed in this class; the same among those freed that the block of the file does not know; where
  // the class goes on; anywhere else, which is told by the difference to where the class was last.
  static constexpr unsigned kOldAt = kDepth;
  static constexpr unsigned kOn = 2 * kDepth;
  static constexpr unsigned kElsewhere = kOn + 1;
  // As the heap's size classes: 16 apart up to 1 KiB, then eight to a power of two. The last is for blocks of which it is not known.
  static constexpr std::uint32_t kOld = 64 + 54 * 8;

  static std::uint32_t class_of(std::uint64_t size) {
    const std::uint64_t rounded = size - (size != 0 ? 1 : 0);
    if (rounded < 1024) return static_cast<std::uint32_t>(rounded >> 4);
    const auto width = static_cast<std::uint32_t>(std::bit_width(rounded));
    return 64 + (width - 11) * 8 + static_cast<std::uint32_t>(rounded >> (width - 4)) - 8;
  }

  PlaceHistory() : nodes_(1) {}

  // Whose events come next. Before the first one too.
  void set_thread(std::uint32_t thread) {
    if (of_thread_ == nullptr || thread != thread_) find_thread(thread);
  }
  // All begins anew.
  void forget();

  // The token for an allocation there, which has happened then; the difference for kElsewhere.
  unsigned token_of(std::uint32_t size_class, std::uint64_t address, std::uint64_t& difference) {
    Class& known = of(size_class);
    unsigned depth = take(known, address);
    if (depth < kDepth) return depth;
    depth = take(of(kOld), address);
    if (depth < kDepth) return kOldAt + depth;
    difference = address - known.last;
    const bool goes_on = difference == known.stride;
    known.stride = difference;
    known.last = address;
    return goes_on ? kOn : kElsewhere;
  }
  // The address from that; 0: the token makes no sense.
  std::uint64_t address_of(std::uint32_t size_class, unsigned token, std::uint64_t difference) {
    Class& known = of(size_class);
    if (token < kOldAt) return take_at(known, token);
    if (token < kOn) return take_at(of(kOld), token - kOldAt);
    if (token == kElsewhere) known.stride = difference;
    return known.last += known.stride;
  }
  void freed(std::uint32_t size_class, std::uint64_t address) {
    Class& known = of(size_class);
    std::uint32_t at = unused_;
    if (at == 0) {
      at = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      unused_ = nodes_[at].next;
    }
    nodes_[at] = {address, known.head};
    known.head = at;
  }

 private:
  static constexpr std::size_t kMostThreads = 256;  // a file must not ask for any amount of memory
  struct Class {
    std::uint64_t last = 0;    // address that did not come from what was freed
    std::uint64_t stride = 0;  // between the last two
    std::uint32_t head = 0;    // of what was freed; 0: none
    std::uint32_t round = 0;   // of another one: nothing is known
  };
  using Classes = std::array<Class, kOld + 1>;
  struct Node {
    std::uint64_t address = 0;
    std::uint32_t next = 0;
  };

  Class& of(std::uint32_t size_class) {
    Class& found = (*of_thread_)[size_class];
    if (found.round != round_) [[unlikely]]
      found = {0, 0, 0, round_};
    return found;
  }
  // How far down it was, kDepth: not among the last.
  unsigned take(Class& from, std::uint64_t address) {
    std::uint32_t* link = &from.head;
    for (unsigned depth = 0; depth < kDepth && *link != 0; ++depth) {
      Node& node = nodes_[*link];
      if (node.address == address) {
        unlink(*link);
        return depth;
      }
      link = &node.next;
    }
    return kDepth;
  }
  std::uint64_t take_at(Class& from, unsigned depth) {
    std::uint32_t* link = &from.head;
    while (depth-- > 0 && *link != 0) link = &nodes_[*link].next;
    if (*link == 0) return 0;
    const std::uint64_t address = nodes_[*link].address;
    unlink(*link);
    return address;
  }
  void unlink(std::uint32_t& link) {
    const std::uint32_t at = link;
    link = nodes_[at].next;
    nodes_[at].next = unused_;
    unused_ = at;
  }
  void find_thread(std::uint32_t thread);

  std::vector<Node> nodes_;  // the first is none
  std::uint32_t unused_ = 0;
  std::uint32_t round_ = 1;
  std::uint32_t thread_ = 0;  // the last one that was set
  Classes* of_thread_ = nullptr;
  std::unordered_map<std::uint32_t, std::size_t> threads_;
  std::vector<std::unique_ptr<Classes>> classes_;  // those used in this round, and some more
};

}  // namespace loam::tool
