// Objects of other kinds: with a virtual table in front (gcj), with a procedure that is called when they are gone (disclaim), and
// references that are strong or weak as the program says (toggle-references).
#include "lib/gc/heap.hpp"
#include "lib/gc/toggles.hpp"
#include "lib/gc_c/bdwgc.hpp"
#include "lib/gc_c/export.hpp"

namespace collector = loam::collector;
using collector::Kind;
using collector::Toggles;
using loam::gc_c::serve;

extern "C" {
struct GC_finalizer_closure {
  collector::Finalizer proc;
  void* data;
};
}

namespace {

void* with_table(void* object, void* table) {
  if (object != nullptr) *static_cast<void**>(object) = table;
  return object;
}

}  // namespace

// The table's descriptor is not needed: such an object is read conservatively.
LOAM_EXPORT void GC_init_gcj_malloc(int, void*) { loam::gc_c::ready(); }
LOAM_EXPORT void* GC_gcj_malloc(size_t bytes, void* table) {
  return with_table(serve(Kind::kNormal, bytes < sizeof(void*) ? sizeof(void*) : bytes), table);
}
LOAM_EXPORT void* GC_gcj_malloc_ignore_off_page(size_t bytes, void* table) {
  return GC_gcj_malloc(bytes, table);
}
LOAM_EXPORT void* GC_debug_gcj_malloc(size_t bytes, void* table, const char* file, int line) {
  const size_t least = bytes < sizeof(void*) ? sizeof(void*) : bytes;
  return with_table(loam::gc_c::allocate_debug(Kind::kNormal, least, file, line), table);
}

// What the object leads to is still whole when the procedure is called, in no order. Requires: the closure lives as long.
LOAM_EXPORT void GC_init_finalized_malloc(void) { loam::gc_c::ready(); }
LOAM_EXPORT void* GC_finalized_malloc(size_t bytes, const GC_finalizer_closure* closure) {
  void* object = serve(Kind::kNormal, bytes);
  if (object != nullptr && closure != nullptr)
    GC_register_finalizer_no_order(object, closure->proc, closure->data, nullptr, nullptr);
  return object;
}

LOAM_EXPORT void GC_set_toggleref_func(Toggles::Ask ask) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  collector::toggles.set_function(ask);
}
LOAM_EXPORT Toggles::Ask GC_get_toggleref_func(void) { return collector::toggles.function(); }
LOAM_EXPORT int GC_toggleref_add(void* object, int strong) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  const bool added = collector::toggles.add(reinterpret_cast<uint64_t>(object), strong != 0);
  return added ? loam::gc_c::kSuccess : loam::gc_c::kNoMemory;
}
