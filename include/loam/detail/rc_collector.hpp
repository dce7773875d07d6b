// The collector of cycles: trial deletion on the side, in steps. Not for direct use.
//
// A round goes through phases, each of which may stop anywhere and go on in the next step, with the program running in between:
//   mark   what the candidates lead to is entered into the graph; references inside of it are counted
//   spread what has more references than those is live, and all that it leads to
//   group  the rest falls into groups without references between them
//   judge  one group after the other
//   sever  the references of what was condemned become null
//   destroy
// What the first three find out (rc_proposal.hpp) may be out of date. It only proposes: judge() does trial deletion again, within one
// group and without a stop inside, and what it condemns no reference leads to. A step is so bounded but for the largest group.
//
// Invariants: counts are never changed to try something. A condemned object is dead: nobody gets a reference to it any more.
// An object that becomes garbage during a round is a candidate again: its note is taken away when it enters the graph.
// Locking: none, one thread's; the record of an ended thread is locked while the collector stands in for it.
#ifndef LOAM_DETAIL_RC_COLLECTOR_HPP
#define LOAM_DETAIL_RC_COLLECTOR_HPP

#include <loam/detail/rc_proposal.hpp>

#include <chrono>

namespace loam {

struct cycle_progress {
  std::size_t destroyed;  // objects
  bool done;              // all candidates that were there when the round began have been looked at
};

namespace detail {

class rc_clock {
 public:
  explicit rc_clock(std::chrono::nanoseconds budget)
      : bounded_(budget != std::chrono::nanoseconds::max()),
        end_(bounded_ ? std::chrono::steady_clock::now() + budget : std::chrono::steady_clock::time_point()) {
  }
  // Reading the time costs as much as the work on an object.
  bool is_over() noexcept {
    if (!bounded_ || ++count_ % 32 != 0) return false;
    return std::chrono::steady_clock::now() >= end_;
  }

 private:
  bool bounded_;
  std::chrono::steady_clock::time_point end_;
  unsigned count_ = 0;
};

class rc_collector : private rc_proposal {
 public:
  rc_collector(const rc_collector&) = delete;
  rc_collector& operator=(const rc_collector&) = delete;
  ~rc_collector() { abandon(); }

  static cycle_progress step(std::chrono::nanoseconds budget) {
    rc_collector* const mine = of_this_thread();
    return mine == nullptr ? cycle_progress{0, true} : mine->run(budget);
  }
  // Rounds until one has found nothing; what was begun before does not count, as it may not know of the latest candidates.
  static std::size_t collect_all() {
    rc_collector* const mine = of_this_thread();
    if (mine == nullptr) return 0;
    std::size_t destroyed =
        mine->phase_ == phase::idle ? 0 : mine->run(std::chrono::nanoseconds::max()).destroyed;
    for (;;) {
      const std::size_t more = mine->run(std::chrono::nanoseconds::max()).destroyed;
      if (more == 0) return destroyed;
      destroyed += more;
    }
  }

 private:
  struct private_key {};
  // Null inside of a destructor, and while the thread is ending.
  static rc_collector* of_this_thread() {
    rc_thread* const mine = rc_record();
    if (mine == nullptr || mine->depth > 0) return nullptr;
    if (mine->collector == nullptr) mine->collector = std::make_shared<rc_collector>(*mine, private_key());
    return mine->collector.get();
  }
  enum class phase { idle, mark, spread, group, list, judge, sever, destroy, clean };

 public:
  rc_collector(rc_thread& mine, private_key) noexcept : rc_proposal(mine) {}

 private:
  cycle_progress run(std::chrono::nanoseconds budget) {
    if (running_) return {0, true};
    running_ = true;
    struct at_end {
      bool& running;
      ~at_end() { running = false; }
    } end{running_};
    destroyed_ = 0;
    rc_clock clock(budget);
    try {
      if (phase_ == phase::idle) begin();
      while (phase_ != phase::idle && !clock.is_over()) advance();
    } catch (...) {
      abandon();
      throw;
    }
    return {destroyed_, phase_ == phase::idle};
  }

  void begin() {
    if (mine_.has_mail.load(std::memory_order_relaxed)) rc_read_mail(mine_);
    roots_.swap(mine_.candidates);
    {
      rc_registry& all = rc_registry::all();
      std::lock_guard lock(all.mutex);
      roots_.insert(roots_.end(), all.candidates.begin(), all.candidates.end());
      all.candidates.clear();
    }
    at_ = 0;
    phase_ = roots_.empty() ? phase::idle : phase::mark;
  }

  // A little of the work. Throws what trace() does.
  void advance() {
    switch (phase_) {
      case phase::idle:
        return;
      case phase::mark:
        if (!mark()) enter(phase::spread);
        return;
      case phase::spread:
        if (!spread()) enter(phase::group);
        return;
      case phase::group:
        if (!group()) enter(phase::list);
        return;
      case phase::list:
        if (!list()) enter(phase::judge);
        return;
      case phase::judge:
        return judge_next();
      case phase::sever:
        return sever();
      case phase::destroy:
        return destroy();
      case phase::clean:
        return clean();
    }
  }
  void enter(phase next) noexcept {
    phase_ = next;
    at_ = 0;
  }

  void end_round() noexcept {
    stand_down();
    enter(phase::idle);
  }

  void judge_next() {
    if (at_ == graph_.size()) return enter(phase::sever);
    const auto head = static_cast<index>(at_++);
    if (graph_[head].live || graph_.group_of(head) != head) return;
    members_.clear();
    for (index each = head; each != rc_graph::none; each = graph_[each].next) members_.push_back(each);
    find_garbage(head);
    if (condemned_.capacity() - condemned_.size() < members_.size())
      condemned_.reserve(2 * condemned_.size() + members_.size());
    if (!condemn()) {
      for (const index each : members_) rc_note_if_alive(each);
      return;
    }
    condemned_.insert(condemned_.end(), members_.begin(), members_.end());
  }
  // It was garbage, or near it, when it was last looked at: the next round looks again.
  void rc_note_if_alive(index each) noexcept {
    rc_header& object = *graph_[each].object;
    if (!rc_is_dead(object)) rc_note_candidate(object);
  }

  // Leaves in members_ those of the group that only such members refer to, with what their shared words were.
  void find_garbage(index head) {
    for (const index each : members_) graph_[each].inside = 0;
    walker count(*this, [](rc_tracer& tracer, rc_header& target) {
      auto& self = static_cast<walker&>(tracer);
      auto& of = static_cast<rc_collector&>(self.of);
      const index to = of.member(target, self.from);
      if (to != rc_graph::none) ++of.graph_[to].inside;
      return false;
    });
    for (const index each : members_) trace(each, count);
    (void)head;
    for (const index each : members_) {
      rc_node& node = graph_[each];
      node.seen = node.object->shared.load(std::memory_order_acquire);
      if (rc_is_dead(node.seen)) {
        node.live = true;
        continue;
      }
      const std::int64_t all = is_ours(*node.object) ? total(*node.object, node.seen) : INT64_MAX;
      if (all < node.inside) rc_refuse("trace() tells more references than there are, to", node.object + 1);
      if (all > node.inside) call_live(each);
    }
    walker live(*this, [](rc_tracer& tracer, rc_header& target) {
      auto& self = static_cast<walker&>(tracer);
      auto& of = static_cast<rc_collector&>(self.of);
      const index to = of.member(target, self.from);
      if (to != rc_graph::none) of.call_live(to);
      return false;
    });
    while (!work_.empty()) {
      const index next = work_.back();
      work_.pop_back();
      trace(next, live);
    }
    std::erase_if(members_, [&](index each) { return graph_[each].live; });
  }
  // The target's index, if it is proposed as garbage and in the same group.
  index member(rc_header& target, index from) noexcept {
    const index to = find(target);
    const bool same = to != rc_graph::none && graph_.group_of(to) == graph_.group_of(from);
    return same ? to : rc_graph::none;
  }

  // All or none. Another thread may have got a reference from a weak one since the words were read: it cannot get one from a word
  // that is frozen, and if it has one, some word is not as it was.
  bool condemn() noexcept {
    std::size_t frozen = 0;
    bool good = true;
    for (; good && frozen < members_.size(); ++frozen) {
      rc_node& node = graph_[members_[frozen]];
      std::int32_t seen = node.seen;
      good = node.object->shared.compare_exchange_strong(seen, seen | rc_frozen, std::memory_order_acq_rel);
      if (!good) break;
    }
    for (std::size_t i = 0; good && i < members_.size(); ++i) {
      const rc_node& node = graph_[members_[i]];
      good = node.object->shared.load(std::memory_order_acquire) == (node.seen | rc_frozen);
    }
    if (!good) {
      for (std::size_t i = 0; i < frozen; ++i)
        graph_[members_[i]].object->shared.fetch_and(~rc_frozen, std::memory_order_relaxed);
      return false;
    }
    for (const index each : members_) {
      rc_header& object = *graph_[each].object;
      object.owner.store(0, std::memory_order_relaxed);
      object.biased.set(0);
      object.shared.store(rc_merged | rc_noted, std::memory_order_release);
    }
    return true;
  }

  void sever() {
    if (at_ == condemned_.size()) return enter(phase::destroy);
    rc_header& object = *graph_[condemned_[at_++]].object;
    walker take(*this, [](rc_tracer&, rc_header& target) {
      // Of what is dead nobody counts any more; anything else is held by this reference, which goes.
      if (!rc_is_dead(target)) rc_release(target);
      return true;
    });
    object.type->trace(object, take);
  }

  void destroy() {
    if (at_ == condemned_.size()) {
      condemned_.clear();
      return enter(phase::clean);
    }
    rc_header& object = *graph_[condemned_[at_++]].object;
    ++destroyed_;
    rc_destroy(object);
  }

  void clean() {
    if (graph_.size() == 0) return end_round();
    // What another collector has kept this one from finding out, the next round may.
    const index last = graph_.size() - 1;
    if (was_refused_ && graph_[last].is_root) rc_note_if_alive(last);
    graph_.drop_last();
  }

  // Back to where the round began. What has been condemned must go all the same.
  void abandon() noexcept {
    const bool judged = phase_ >= phase::judge;
    work_.clear();
    if (judged) finish();
    for (index each = 0; each < graph_.size(); ++each) rc_note_if_alive(each);
    while (graph_.size() > 0) graph_.drop_last();
    for (; at_ < roots_.size() && phase_ == phase::mark; ++at_) {
      if (rc_push(mine_.candidates, *roots_[at_])) continue;
      roots_[at_]->shared.fetch_and(~rc_noted, std::memory_order_relaxed);
      rc_drop_memory(*roots_[at_]);
    }
    roots_.clear();
    end_round();
  }
  void finish() noexcept {
    if (phase_ == phase::judge) enter(phase::sever);
    while (phase_ == phase::sever || phase_ == phase::destroy) advance();
  }

  bool running_ = false;
  phase phase_ = phase::idle;
  std::size_t destroyed_ = 0;
  std::vector<index> members_;  // of the group that is judged
  std::vector<index> condemned_;
};

}  // namespace detail
}  // namespace loam

#endif
