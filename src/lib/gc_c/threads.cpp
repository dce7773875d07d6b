// Threads: registration, and the wrappers of pthread functions that programs call through bdwgc's header.
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "lib/gc/heap.hpp"
#include "lib/gc/stop.hpp"
#include "lib/gc/thread.hpp"
#include "lib/gc_c/export.hpp"

namespace collector = loam::collector;
using collector::Thread;

namespace {

using loam::gc_c::kDuplicate;
using loam::gc_c::kNoMemory;
using loam::gc_c::kSuccess;

// What a new thread is to run. Kept by the collector until the thread has taken it over: nobody else may point to the argument.
struct Start {
  void* (*run)(void*);
  void* argument;
  bool detached;
};

// By pthread_exit or pthread_cancel.
void at_cancel(void*) {
  if (collector::current != nullptr) collector::threads.leave(collector::current->result != nullptr);
}

void* run_thread(void* argument) {
  auto* start = static_cast<Start*>(argument);
  Thread* self = collector::threads.join(0);
  void* (*run)(void*) = start->run;
  void* volatile own_argument = start->argument;
  if (self != nullptr) self->joined_by_nobody = start->detached;
  collector::release(reinterpret_cast<uint64_t>(start));
  void* result = nullptr;
  pthread_cleanup_push(at_cancel, nullptr);
  result = run(own_argument);
  pthread_cleanup_pop(0);
  // Whoever joins finds the result; until then the record is its root.
  if (self != nullptr) {
    self->result = result;
    collector::threads.leave(true);
  }
  return result;
}

void forget(pthread_t handle) {
  const loam::sys::LockGuard guard(collector::heap.lock);
  Thread* thread = collector::threads.find_handle(reinterpret_cast<uint64_t>(handle));
  if (thread != nullptr && thread->ended) collector::threads.forget(thread);
}

}  // namespace

struct GC_stack_base {
  void* mem_base;
};

LOAM_EXPORT int GC_get_stack_base(GC_stack_base* base) {
  uint64_t limit = 0;
  uint64_t top = 0;
  if (!collector::stack_of_caller(&limit, &top)) return 1;
  base->mem_base = reinterpret_cast<void*>(top);
  return kSuccess;
}
// For coroutines: the handle is the calling thread's record; null stands for it too. Requires: the lock is held, or no other thread collects.
LOAM_EXPORT void* GC_get_my_stackbottom(GC_stack_base* base) {
  if (!loam::gc_c::ready()) return nullptr;
  Thread* self = collector::current != nullptr ? collector::current : collector::threads.join(0);
  if (self == nullptr) return nullptr;
  base->mem_base = reinterpret_cast<void*>(self->other_top != 0 ? self->other_top : self->stack_top);
  return self;
}
LOAM_EXPORT void GC_set_stackbottom(void* handle, const GC_stack_base* base) {
  auto* thread = handle != nullptr ? static_cast<Thread*>(handle) : collector::current;
  if (thread == nullptr) return;
  const auto top = reinterpret_cast<uint64_t>(base->mem_base);
  thread->other_top = top == thread->stack_top ? 0 : top;
}

LOAM_EXPORT void GC_allow_register_threads(void) { loam::gc_c::ready(); }
LOAM_EXPORT int GC_register_my_thread(const GC_stack_base* base) {
  if (!loam::gc_c::ready()) return kNoMemory;
  if (collector::current != nullptr) return kDuplicate;
  return collector::threads.join(reinterpret_cast<uint64_t>(base->mem_base)) != nullptr ? kSuccess
                                                                                        : kNoMemory;
}
LOAM_EXPORT int GC_unregister_my_thread(void) {
  collector::threads.leave(false);
  return kSuccess;
}
LOAM_EXPORT int GC_thread_is_registered(void) { return collector::current != nullptr ? 1 : 0; }
LOAM_EXPORT void GC_register_altstack(void*, size_t, void*, size_t) {}

LOAM_EXPORT int GC_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                                  void* argument) {
  if (!loam::gc_c::ready()) return EAGAIN;
  auto* start = static_cast<Start*>(loam::gc_c::serve(collector::Kind::kKept, sizeof(Start)));
  if (start == nullptr) return EAGAIN;
  int detached = PTHREAD_CREATE_JOINABLE;
  if (attributes != nullptr) pthread_attr_getdetachstate(attributes, &detached);
  *start = {run, argument, detached == PTHREAD_CREATE_DETACHED};
  const int error = pthread_create(thread, attributes, run_thread, start);
  if (error != 0) collector::release(reinterpret_cast<uint64_t>(start));
  return error;
}
LOAM_EXPORT int GC_pthread_join(pthread_t thread, void** result) {
  const int error = pthread_join(thread, result);
  if (error == 0) forget(thread);
  return error;
}
LOAM_EXPORT int GC_pthread_detach(pthread_t thread) {
  {
    const loam::sys::LockGuard guard(collector::heap.lock);
    Thread* record = collector::threads.find_handle(reinterpret_cast<uint64_t>(thread));
    if (record != nullptr) {
      record->joined_by_nobody = true;
      if (record->ended) collector::threads.forget(record);
    }
  }
  return pthread_detach(thread);
}
LOAM_EXPORT void GC_pthread_exit(void* result) {
  if (collector::current != nullptr) collector::current->result = result;
  pthread_exit(result);
}
LOAM_EXPORT int GC_pthread_cancel(pthread_t thread) { return pthread_cancel(thread); }

// The collector's signal stays open.
LOAM_EXPORT int GC_pthread_sigmask(int how, const sigset_t* set, sigset_t* old) {
  sigset_t ours;
  if (set != nullptr && (how == SIG_BLOCK || how == SIG_SETMASK)) {
    ours = *set;
    sigdelset(&ours, collector::stop_signal());
    set = &ours;
  }
  return pthread_sigmask(how, set, old);
}

// Threads are stopped wherever they are: what they do meanwhile makes no difference.
LOAM_EXPORT void* GC_do_blocking(void* (*function)(void*), void* argument) { return function(argument); }
LOAM_EXPORT void* GC_call_with_gc_active(void* (*function)(void*), void* argument) {
  return function(argument);
}
LOAM_EXPORT void* GC_call_with_stack_base(void* (*function)(GC_stack_base*, void*), void* argument) {
  GC_stack_base base{};
  GC_get_stack_base(&base);
  return function(&base, argument);
}

LOAM_EXPORT void* GC_call_with_alloc_lock(void* (*function)(void*), void* argument) {
  loam::gc_c::ready();
  const loam::sys::LockGuard guard(collector::heap.lock);
  return function(argument);
}
LOAM_EXPORT void GC_alloc_lock(void) { collector::heap.lock.lock(); }
LOAM_EXPORT void GC_alloc_unlock(void) { collector::heap.lock.unlock(); }
LOAM_EXPORT void GC_stop_world_external(void) {
  loam::gc_c::ready();
  collector::heap.lock.lock();
  collector::stop_world();
}
LOAM_EXPORT void GC_start_world_external(void) {
  collector::resume_world();
  collector::heap.lock.unlock();
}
LOAM_EXPORT void GC_start_mark_threads(void) { loam::gc_c::ready(); }
LOAM_EXPORT void GC_set_markers_count(unsigned count) {
  if (count != 0) collector::heap.settings.markers = count;
}
LOAM_EXPORT int GC_get_parallel(void) { return collector::heap.settings.markers > 1 ? 1 : 0; }
LOAM_EXPORT void GC_set_handle_fork(int) {}
LOAM_EXPORT void GC_atfork_prepare(void) {}
LOAM_EXPORT void GC_atfork_parent(void) {}
LOAM_EXPORT void GC_atfork_child(void) {}
LOAM_EXPORT int GC_get_suspend_signal(void) { return collector::stop_signal(); }
LOAM_EXPORT void GC_set_suspend_signal(int signal) { collector::set_stop_signal(signal); }
LOAM_EXPORT int GC_get_thr_restart_signal(void) { return SIGXCPU; }
LOAM_EXPORT void GC_set_thr_restart_signal(int) {}
