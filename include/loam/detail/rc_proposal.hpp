// What may be garbage: the first phases of a round of the collector of cycles. Not for direct use.
//
//   mark   what the candidates lead to is entered into the graph; references inside of it are counted
//   spread what has more references than those is live, and all that it leads to
//   group  the rest falls into groups without references between them
//   list   and each group into a list
// The program runs between any two steps, so that all of it may be out of date when it is read: it only proposes.
//
// Invariants and locking: as in rc_collector.hpp.
#ifndef LOAM_DETAIL_RC_PROPOSAL_HPP
#define LOAM_DETAIL_RC_PROPOSAL_HPP

#include <loam/detail/rc_graph.hpp>
#include <loam/rc_trace.hpp>

namespace loam::detail {

class rc_proposal {
 protected:
  using index = std::uint32_t;

  // Carries the proposal to what trace() tells.
  class walker : public rc_tracer {
   public:
    walker(rc_proposal& proposal, visitor visit) noexcept : rc_tracer(visit), of(proposal) {}
    rc_proposal& of;
    index from = rc_graph::none;
    using rc_tracer::field;
  };

  explicit rc_proposal(rc_thread& mine) noexcept : mine_(mine) {}
  rc_proposal(const rc_proposal&) = delete;
  rc_proposal& operator=(const rc_proposal&) = delete;
  ~rc_proposal() = default;

  // Whether this thread may tell the object's count, and what it holds. Of what has no living owner one collector at a time may.
  bool is_ours(rc_header& object) noexcept {
    const std::uint32_t owner = object.owner.load(std::memory_order_relaxed);
    if (owner == mine_.number) return true;
    const std::int32_t shared = object.shared.load(std::memory_order_acquire);
    if (owner == 0) return (shared & rc_merged) != 0 && stands_in();
    if ((shared & rc_queued) != 0 || !stands_in()) return false;
    rc_thread& other = rc_registry::all().with_number(owner);
    std::lock_guard lock(other.mutex);
    if (other.alive || object.owner.load(std::memory_order_relaxed) != owner) {
      was_refused_ = true;
      return false;
    }
    rc_merge(object, 0);
    return true;
  }
  // Whether this collector is the one until its round ends.
  bool stands_in() noexcept {
    std::atomic<const void*>& one = rc_registry::all().standing_in;
    const void* seen = one.load(std::memory_order_relaxed);
    if (seen == this ||
        (seen == nullptr && one.compare_exchange_strong(seen, this, std::memory_order_acquire)))
      return true;
    was_refused_ = true;
    return false;
  }
  void stand_down() noexcept {
    std::atomic<const void*>& one = rc_registry::all().standing_in;
    if (one.load(std::memory_order_relaxed) == this) one.store(nullptr, std::memory_order_release);
    was_refused_ = false;
  }
  // Of an object that is ours and not dead.
  static std::int64_t total(const rc_header& object, std::int32_t shared) noexcept {
    return std::int64_t{object.biased.count()} + rc_count(shared);
  }

  void trace(index at, walker& walk) {
    rc_header& object = *graph_[at].object;
    walk.from = at;
    if (is_ours(object) && !rc_is_dead(object)) object.type->trace(object, walk);
  }

  // none: not in the graph.
  index find(rc_header& object) noexcept {
    return object.type->trace == nullptr ? rc_graph::none : graph_.find(object);
  }
  // The same, entered if need be; none: nothing to be found there.
  index meet(rc_header& object) {
    if (object.type->trace == nullptr) return rc_graph::none;
    const index known = graph_.find(object);
    if (known != rc_graph::none || !is_ours(object)) return known;
    if (work_.size() == work_.capacity()) work_.reserve(2 * work_.size() + 64);
    const index fresh = graph_.add(object);
    work_.push_back(fresh);
    object.shared.fetch_and(~rc_noted, std::memory_order_relaxed);
    return fresh;
  }

  // The phases, of which each call does a little. False: there is nothing left to do.
  bool mark() {
    walker walk(*this, [](rc_tracer& tracer, rc_header& target) {
      rc_proposal& of = static_cast<walker&>(tracer).of;
      const index to = of.meet(target);
      if (to != rc_graph::none) ++of.graph_[to].inside;
      return false;
    });
    if (!work_.empty()) {
      const index next = work_.back();
      work_.pop_back();
      trace(next, walk);
    } else if (at_ < roots_.size()) {
      rc_header& root = *roots_[at_];
      const bool is_dead = rc_is_dead(root);
      const index to = is_dead ? rc_graph::none : meet(root);
      ++at_;
      if (to != rc_graph::none) graph_[to].is_root = true;
      if (is_dead || to != rc_graph::none || !leave_to_others(root)) rc_drop_memory(root);
    } else {
      roots_.clear();
      return false;
    }
    return true;
  }

  // The candidate is another thread's by now, or another collector's: it stays one. False without memory.
  static bool leave_to_others(rc_header& candidate) noexcept {
    rc_registry& all = rc_registry::all();
    std::lock_guard lock(all.mutex);
    return rc_add_candidate(all.candidates, candidate);
  }

  void call_live(index at) {
    if (graph_[at].live) return;
    graph_[at].live = true;
    work_.push_back(at);
  }

  bool spread() {
    walker walk(*this, [](rc_tracer& tracer, rc_header& target) {
      rc_proposal& of = static_cast<walker&>(tracer).of;
      const index to = of.find(target);
      if (to != rc_graph::none) of.call_live(to);
      return false;
    });
    if (!work_.empty()) {
      const index next = work_.back();
      work_.pop_back();
      trace(next, walk);
    } else if (at_ < graph_.size()) {
      rc_node& node = graph_[static_cast<index>(at_)];
      const std::int32_t shared = node.object->shared.load(std::memory_order_acquire);
      if (rc_is_dead(shared))
        node.live = true;  // the program has destroyed it
      else if (total(*node.object, shared) > node.inside)
        call_live(static_cast<index>(at_));
      ++at_;
    } else {
      return false;
    }
    return true;
  }

  bool group() {
    if (at_ == graph_.size()) return false;
    const auto from = static_cast<index>(at_++);
    if (graph_[from].live) return true;
    walker walk(*this, [](rc_tracer& tracer, rc_header& target) {
      auto& self = static_cast<walker&>(tracer);
      const index to = self.of.find(target);
      if (to != rc_graph::none && !self.of.graph_[to].live) self.of.graph_.join(self.from, to);
      return false;
    });
    trace(from, walk);
    return true;
  }

  // The members of each group behind the one that stands for it.
  bool list() {
    if (at_ == graph_.size()) return false;
    const auto each = static_cast<index>(at_++);
    if (graph_[each].live) return true;
    const index head = graph_.group_of(each);
    if (head == each) return true;
    graph_[each].next = graph_[head].next;
    graph_[head].next = each;
    return true;
  }

  rc_thread& mine_;
  bool was_refused_ = false;
  std::size_t at_ = 0;  // in what the phase goes through
  rc_list roots_;
  rc_graph graph_;
  std::vector<index> work_;  // met, and not traced yet
};

}  // namespace loam::detail

#endif
