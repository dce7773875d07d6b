// A B+ tree of 64-bit numbers. Not for direct use.
//
// Nodes lie in one table and are named by number. An inner node's key i is not above any number below child i, and above all below
// child i - 1. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_KEY_TREE_HPP
#define LOAM_DETAIL_POLICY_KEY_TREE_HPP

#include <loam/detail/policy_bits.hpp>

#include <cstring>

namespace loam::detail {

class key_tree {
 public:
  // Room for one more number. False: out of memory.
  bool reserve(table_memory memory) {
    // A node for each level that may split, and a root.
    const std::uint64_t wanted = used_ + depth_ + 2;
    return nodes_.reserve(memory, wanted);
  }
  void release(table_memory memory) {
    nodes_.clear(memory);
    root_ = unused_ = 0;
    used_ = 1;
    depth_ = 0;
    count_ = 0;
  }

  // The least number that is not below `key`, or policy_none.
  std::uint64_t find(std::uint64_t key) {
    if (depth_ == 0) return policy_none;
    std::uint32_t at = root_;
    std::uint32_t right = 0;  // the nearest subtree to the right of the way down
    unsigned right_level = 0;
    for (unsigned level = depth_; level > 1; --level) {
      const node& here = nodes_[at];
      const unsigned child = child_of(here, key);
      if (child + 1 < here.count) {
        right = here.children[child + 1];
        right_level = level - 1;
      }
      at = here.children[child];
      ++steps_;
    }
    ++steps_;
    const node& leaf = nodes_[at];
    const unsigned position = lower_bound(leaf, key);
    if (position < leaf.count) return leaf.keys[position];
    if (right == 0) return policy_none;
    for (; right_level > 1; --right_level) right = nodes_[right].children[0];
    ++steps_;
    return nodes_[right].keys[0];
  }

  // The least number of all, or policy_none.
  std::uint64_t least() const {
    if (depth_ == 0) return policy_none;
    std::uint32_t at = root_;
    for (unsigned level = depth_; level > 1; --level) at = nodes_[at].children[0];
    return nodes_[at].keys[0];
  }

  // The largest number below `key`, or policy_none.
  std::uint64_t find_below(std::uint64_t key) const {
    if (depth_ == 0) return policy_none;
    std::uint32_t at = root_;
    std::uint32_t left = 0;
    unsigned left_level = 0;
    for (unsigned level = depth_; level > 1; --level) {
      const node& here = nodes_[at];
      const unsigned child = child_of(here, key);
      if (child > 0) {
        left = here.children[child - 1];
        left_level = level - 1;
      }
      at = here.children[child];
    }
    const node& leaf = nodes_[at];
    const unsigned position = lower_bound(leaf, key);
    if (position > 0) return leaf.keys[position - 1];
    if (left == 0) return policy_none;
    for (; left_level > 1; --left_level) left = nodes_[left].children[nodes_[left].count - 1];
    return nodes_[left].keys[nodes_[left].count - 1];
  }

  // Requires: the number is not there, and reserve() succeeded since the last one.
  void insert(std::uint64_t key) {
    ++count_;
    if (depth_ == 0) {
      root_ = take_node();
      depth_ = 1;
      nodes_[root_].keys[0] = key;
      nodes_[root_].count = 1;
      return;
    }
    const split_off split = insert_below(root_, depth_, key);
    if (split.node == 0) return;
    const std::uint32_t above = take_node();
    node& root = nodes_[above];
    root.count = 2;
    root.keys[0] = 0;
    root.children[0] = root_;
    root.keys[1] = split.key;
    root.children[1] = split.node;
    root_ = above;
    ++depth_;
  }

  // If the number is there.
  void erase(std::uint64_t key) {
    if (depth_ == 0) return;
    erase_below(root_, depth_, key);
    while (depth_ > 1 && nodes_[root_].count == 1) {
      const std::uint32_t only = nodes_[root_].children[0];
      give_node(root_);
      root_ = only;
      --depth_;
    }
    if (nodes_[root_].count == 0) {
      give_node(root_);
      depth_ = 0;
    }
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t steps() const { return steps_; }
  std::size_t bytes() const { return nodes_.bytes(); }

 private:
  static constexpr unsigned width = 32;

  struct node {
    std::uint64_t keys[width];
    std::uint32_t children[width];  // of a leaf: unused
    std::uint32_t count;
    std::uint32_t next_unused;
  };
  struct split_off {
    std::uint32_t node;  // 0: none
    std::uint64_t key;
  };

  // How many keys are below `key`; without a branch, which would be a coin toss each.
  static unsigned lower_bound(const node& in, std::uint64_t key) {
    unsigned first = 0;
    unsigned rest = in.count;
    while (rest > 1) {
      const unsigned half = rest / 2;
      first += in.keys[first + half - 1] < key ? half : 0;
      rest -= half;
    }
    return first + (rest == 1 && in.keys[first] < key ? 1 : 0);
  }
  static unsigned child_of(const node& in, std::uint64_t key) {
    const unsigned position = lower_bound(in, key);
    if (position < in.count && in.keys[position] == key) return position;
    return position == 0 ? 0 : position - 1;
  }
  static void open_gap(node& in, unsigned at) {
    std::memmove(&in.keys[at + 1], &in.keys[at], (in.count - at) * sizeof in.keys[0]);
    std::memmove(&in.children[at + 1], &in.children[at], (in.count - at) * sizeof in.children[0]);
    ++in.count;
  }
  static void close_gap(node& in, unsigned at) {
    --in.count;
    std::memmove(&in.keys[at], &in.keys[at + 1], (in.count - at) * sizeof in.keys[0]);
    std::memmove(&in.children[at], &in.children[at + 1], (in.count - at) * sizeof in.children[0]);
  }

  std::uint32_t take_node() {
    std::uint32_t taken = unused_;
    if (taken != 0)
      unused_ = nodes_[taken].next_unused;
    else
      taken = used_++;
    nodes_[taken].count = 0;
    return taken;
  }
  void give_node(std::uint32_t given) {
    nodes_[given].next_unused = unused_;
    unused_ = given;
  }

  // The upper half of a full node, or where numbers come in rising order nothing but the new one.
  std::uint32_t split(std::uint32_t full, unsigned keep) {
    const std::uint32_t fresh = take_node();
    node& from = nodes_[full];
    node& to = nodes_[fresh];
    to.count = width - keep;
    std::memcpy(to.keys, &from.keys[keep], to.count * sizeof to.keys[0]);
    std::memcpy(to.children, &from.children[keep], to.count * sizeof to.children[0]);
    from.count = keep;
    return fresh;
  }

  split_off put(std::uint32_t into, unsigned at, std::uint64_t key, std::uint32_t child) {
    split_off result{0, 0};
    if (nodes_[into].count == width) {
      const unsigned keep = at == width ? width - 1 : width / 2;
      result.node = split(into, keep);
      result.key = nodes_[result.node].keys[0];
      if (at > keep) {
        into = result.node;
        at -= keep;
      }
    }
    node& to = nodes_[into];
    open_gap(to, at);
    to.keys[at] = key;
    to.children[at] = child;
    return result;
  }

  split_off insert_below(std::uint32_t at, unsigned level, std::uint64_t key) {
    if (level == 1) return put(at, lower_bound(nodes_[at], key), key, 0);
    const unsigned child = child_of(nodes_[at], key);
    if (key < nodes_[at].keys[child]) nodes_[at].keys[child] = key;
    const split_off below = insert_below(nodes_[at].children[child], level - 1, key);
    return below.node == 0 ? below : put(at, child + 1, below.key, below.node);
  }

  void erase_below(std::uint32_t at, unsigned level, std::uint64_t key) {
    node& here = nodes_[at];
    if (level == 1) {
      const unsigned position = lower_bound(here, key);
      if (position == here.count || here.keys[position] != key) return;
      --count_;
      return close_gap(here, position);
    }
    const unsigned child = child_of(here, key);
    erase_below(here.children[child], level - 1, key);
    const std::uint32_t left = nodes_[here.children[child]].count;
    if (left == 0) {
      give_node(here.children[child]);
      close_gap(here, child);
    } else if (left < width / 4) {
      join(here, child);
    }
  }
  // A node with few keys becomes part of a neighbour where both fit into one with room to spare.
  void join(node& parent, unsigned child) {
    const unsigned left = child > 0 ? child - 1 : child;
    const unsigned right = left + 1;
    if (right >= parent.count) return;
    node& to = nodes_[parent.children[left]];
    node& from = nodes_[parent.children[right]];
    if (to.count + from.count > width * 3 / 4) return;
    std::memcpy(&to.keys[to.count], from.keys, from.count * sizeof from.keys[0]);
    std::memcpy(&to.children[to.count], from.children, from.count * sizeof from.children[0]);
    to.count += from.count;
    give_node(parent.children[right]);
    close_gap(parent, right);
  }

  growing_table<node> nodes_;
  std::uint32_t root_ = 0;
  std::uint32_t unused_ = 0;
  std::uint32_t used_ = 1;  // 0 names no node
  unsigned depth_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace loam::detail

#endif
