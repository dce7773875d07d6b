// What counted objects in a ring keep of each other is told to `loam check` when the process ends: which types and fields hold it. Not
// for direct use; nothing of it runs elsewhere.
//
// Trial deletion once, without destroying anything: of what the candidates lead to, objects that have no more references than those that
// were met are in a cycle nobody holds, or hang on one. Then the candidates are forgotten, which hold the objects' memory: to
// the search for leaks that follows they would be reachable.
//
// Locking: none; objects of threads that still run are taken for live.
#ifndef LOAM_DETAIL_RC_LEAKS_HPP
#define LOAM_DETAIL_RC_LEAKS_HPP

#include <loam/detail/watched.hpp>
#include <loam/rc_trace.hpp>

#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

namespace loam::detail {

class rc_leaks {
 public:
  // Candidates of threads that have ended, the main one among them.
  static void tell() noexcept {
    rc_list candidates;
    {
      rc_registry& all = rc_registry::all();
      std::lock_guard lock(all.mutex);
      candidates.swap(all.candidates);
    }
    try {
      rc_leaks leaks;
      for (rc_header* each : candidates) leaks.meet(*each);
      leaks.find_and_note();
    } catch (...) {
      // Without memory, or a trace() that throws: the blocks are leaks without names.
    }
    for (rc_header* each : candidates) rc_drop_memory(*each);
  }

 private:
  struct found {
    std::int64_t inside = 0;
    bool live = false;
  };
  class walker : public rc_tracer {
   public:
    walker(rc_leaks& leaks, visitor visit) noexcept : rc_tracer(visit), of(leaks) {}
    rc_leaks& of;
    std::string text;
    using rc_tracer::field;
  };

  // Whether another thread may be changing it.
  static bool is_elsewhere(const rc_header& object) {
    const std::uint32_t owner = object.owner.load(std::memory_order_relaxed);
    return owner != 0 && rc_registry::all().with_number(owner).alive;
  }

  void meet(rc_header& object) {
    if (object.type->trace == nullptr || rc_is_dead(object) || !objects_.try_emplace(&object).second) return;
    work_.push_back(&object);
  }
  void call_live(rc_header& object) {
    const auto at = objects_.find(&object);
    if (at == objects_.end() || std::exchange(at->second.live, true)) return;
    work_.push_back(&object);
  }
  template <class Walk>
  void walk_all(Walk& walk) {
    while (!work_.empty()) {
      rc_header& next = *work_.back();
      work_.pop_back();
      if (!is_elsewhere(next)) next.type->trace(next, walk);
    }
  }

  void find_and_note() {
    walker count(*this, [](rc_tracer& tracer, rc_header& target) {
      rc_leaks& of = static_cast<walker&>(tracer).of;
      of.meet(target);
      const auto at = of.objects_.find(&target);
      if (at != of.objects_.end()) ++at->second.inside;
      return false;
    });
    walk_all(count);
    for (auto& [object, what] : objects_) {
      const std::int64_t all =
          std::int64_t{object->biased.count()} + rc_count(object->shared.load(std::memory_order_acquire));
      if (is_elsewhere(*object) || all > what.inside) call_live(*object);
    }
    walker spread(*this, [](rc_tracer& tracer, rc_header& target) {
      static_cast<walker&>(tracer).of.call_live(target);
      return false;
    });
    walk_all(spread);
    for (const auto& [object, what] : objects_) {
      if (!what.live) note(*object);
    }
  }

  // "node in a cycle: next -> node, others -> node"
  void note(rc_header& object) {
    walker write(*this, [](rc_tracer& tracer, rc_header& target) {
      auto& self = static_cast<walker&>(tracer);
      const auto at = self.of.objects_.find(&target);
      if (at == self.of.objects_.end() || at->second.live) return false;
      std::string part(self.field());
      part.append(part.empty() ? "-> " : " -> ").append(target.type->name);
      if (self.text.find(part) == std::string::npos)
        self.text.append(self.text.empty() ? "" : ", ").append(part);
      return false;
    });
    object.type->trace(object, write);
    if (write.text.empty()) return;  // hangs on a cycle
    const std::string text = std::string(object.type->name) + " in a cycle: " + write.text;
    if (loam_note != nullptr) loam_note(object.type->block(object), text.c_str());
  }

  std::unordered_map<rc_header*, found> objects_;
  std::vector<rc_header*> work_;
};

// Registered before main, so that it runs after the destructors of what lives as long as the process.
inline const bool rc_leaks_are_told = watched && std::atexit([] { rc_leaks::tell(); }) == 0;

}  // namespace loam::detail

#endif
