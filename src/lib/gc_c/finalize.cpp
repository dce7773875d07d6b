// Finalizers and disappearing links.
#include "lib/gc/finalize.hpp"

#include "lib/gc/heap.hpp"
#include "lib/gc_c/bdwgc.hpp"
#include "lib/gc_c/export.hpp"

namespace collector = loam::collector;
using collector::Finalizer;
using collector::Order;

namespace {

using loam::gc_c::kDuplicate;
using loam::gc_c::kNoMemory;
using loam::gc_c::kNotFound;
using loam::gc_c::kSuccess;

void set(void* object, Finalizer function, void* data, Order order, Finalizer* old_function,
         void** old_data) {
  if (old_function != nullptr) *old_function = nullptr;
  if (old_data != nullptr) *old_data = nullptr;
  const auto address = reinterpret_cast<uint64_t>(object);
  if (collector::base_of(address) != address || object == nullptr) return;
  bool done = false;
  {
    const loam::sys::LockGuard guard(collector::heap.lock);
    done = collector::finalizers.set(address, function, data, order, old_function, old_data);
  }
  if (!done) loam::gc_c::out_of_memory(sizeof(void*));
}

int add_link(void** link, const void* object, bool is_long) {
  if (object == nullptr || reinterpret_cast<uint64_t>(link) % sizeof(void*) != 0) return kNotFound;
  const loam::sys::LockGuard guard(collector::heap.lock);
  using Added = collector::Finalizers::Added;
  switch (collector::finalizers.add_link(reinterpret_cast<uint64_t>(link), reinterpret_cast<uint64_t>(object),
                                         is_long)) {
    case Added::kNew:
      return kSuccess;
    case Added::kAgain:
      return kDuplicate;
    case Added::kNoMemory:
      return kNoMemory;
  }
  return kNoMemory;
}

int remove_link(void** link, bool is_long) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  return collector::finalizers.remove_link(reinterpret_cast<uint64_t>(link), is_long) ? 1 : 0;
}

int move_link(void** link, void** new_link, bool is_long) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  const int moved = collector::finalizers.move_link(reinterpret_cast<uint64_t>(link),
                                                    reinterpret_cast<uint64_t>(new_link), is_long);
  return moved == 0 ? kSuccess : moved == 1 ? kNotFound : kDuplicate;
}

}  // namespace

LOAM_EXPORT void GC_register_finalizer(void* object, Finalizer function, void* data, Finalizer* old_function,
                                       void** old_data) {
  set(object, function, data, Order::kOrdered, old_function, old_data);
}
LOAM_EXPORT void GC_register_finalizer_ignore_self(void* object, Finalizer function, void* data,
                                                   Finalizer* old_function, void** old_data) {
  set(object, function, data, Order::kIgnoreSelf, old_function, old_data);
}
LOAM_EXPORT void GC_register_finalizer_no_order(void* object, Finalizer function, void* data,
                                                Finalizer* old_function, void** old_data) {
  set(object, function, data, Order::kNone, old_function, old_data);
}
LOAM_EXPORT void GC_register_finalizer_unreachable(void* object, Finalizer function, void* data,
                                                   Finalizer* old_function, void** old_data) {
  set(object, function, data, Order::kUnreachable, old_function, old_data);
}

LOAM_EXPORT int GC_general_register_disappearing_link(void** link, const void* object) {
  return add_link(link, object, false);
}
// The object is the one that the link lies in.
LOAM_EXPORT int GC_register_disappearing_link(void** link) {
  return add_link(link, reinterpret_cast<const void*>(collector::base_of(reinterpret_cast<uint64_t>(link))),
                  false);
}
LOAM_EXPORT int GC_unregister_disappearing_link(void** link) { return remove_link(link, false); }
LOAM_EXPORT int GC_move_disappearing_link(void** link, void** new_link) {
  return move_link(link, new_link, false);
}
LOAM_EXPORT int GC_register_long_link(void** link, const void* object) {
  return add_link(link, object, true);
}
LOAM_EXPORT int GC_unregister_long_link(void** link) { return remove_link(link, true); }
LOAM_EXPORT int GC_move_long_link(void** link, void** new_link) { return move_link(link, new_link, true); }

LOAM_EXPORT int GC_should_invoke_finalizers(void) { return collector::finalizers.due() ? 1 : 0; }
LOAM_EXPORT int GC_invoke_finalizers(void) { return static_cast<int>(collector::run_finalizers()); }
LOAM_EXPORT void GC_finalize_all(void) {
  {
    const loam::sys::LockGuard guard(collector::heap.lock);
    collector::finalizers.make_all_due();
  }
  collector::run_finalizers();
}
