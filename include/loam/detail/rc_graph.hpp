// The objects that a collector has met, with what it found out of them. Not for direct use.
//
// Invariant: where an object stands in the graph is written in front of its header; what is written there counts only if the
// graph has that object at that place, so that nothing need be wiped. Locking: none, one thread's.
#ifndef LOAM_DETAIL_RC_GRAPH_HPP
#define LOAM_DETAIL_RC_GRAPH_HPP

#include <loam/detail/rc_block.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace loam::detail {

struct rc_node {
  rc_header* object;
  std::uint32_t inside;  // references from objects of the graph
  std::uint32_t group;   // towards the node that stands for the group (union-find)
  std::uint32_t next;    // in its group; none at the end
  std::int32_t seen;     // the shared word when it was last compared
  bool live;
  bool is_root;  // a candidate
};

// Holds the memory of each object, so that the program may destroy it meanwhile.
class rc_graph {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  rc_graph() = default;
  rc_graph(const rc_graph&) = delete;
  rc_graph& operator=(const rc_graph&) = delete;

  std::uint32_t size() const noexcept { return size_; }
  rc_node& operator[](std::uint32_t index) noexcept {
    return chunks_[index / chunk_nodes][index % chunk_nodes];
  }

  // none if it is not there. Requires: the object's type is not acyclic.
  std::uint32_t find(rc_header& object) noexcept {
    const std::uint32_t index = rc_place_of(object).load(std::memory_order_relaxed);
    return index < size_ && (*this)[index].object == &object ? index : none;
  }
  // Requires: it is not there. Throws std::bad_alloc, and has changed nothing then.
  std::uint32_t add(rc_header& object) {
    // In chunks: a table that moves when it grows would stop the program for as long as that takes.
    if (size_ == chunks_.size() * chunk_nodes) chunks_.push_back(std::make_unique<rc_node[]>(chunk_nodes));
    const std::uint32_t index = size_++;
    (*this)[index] = {&object, 0, index, none, 0, false, false};
    rc_place_of(object).store(index, std::memory_order_relaxed);
    rc_hold_memory(object);
    return index;
  }

  std::uint32_t group_of(std::uint32_t index) noexcept {
    while ((*this)[index].group != index) {
      rc_node& node = (*this)[index];
      node.group = (*this)[node.group].group;
      index = node.group;
    }
    return index;
  }
  void join(std::uint32_t a, std::uint32_t b) noexcept { (*this)[group_of(b)].group = group_of(a); }

  // The newest node out, and its object's memory.
  void drop_last() noexcept {
    rc_drop_memory(*(*this)[--size_].object);
    if (chunks_.size() > 1 && size_ % chunk_nodes == 0) chunks_.pop_back();
  }

 private:
  static constexpr std::uint32_t chunk_nodes = 4096;
  std::vector<std::unique_ptr<rc_node[]>> chunks_;
  std::uint32_t size_ = 0;
};

}  // namespace loam::detail

#endif
