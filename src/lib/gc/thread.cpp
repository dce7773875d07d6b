#include "lib/gc/thread.hpp"

#include <pthread.h>

#include "lib/gc/allocate.hpp"
#include "lib/gc/heap.hpp"
#include "sys/kernel.hpp"
#include "sys/registers.hpp"

namespace loam::collector {

constinit thread_local Thread* current = nullptr;
constinit Threads threads;

namespace {

pthread_key_t end_key;
constinit bool key_made = false;

void at_end(void*) {
  if (current != nullptr) threads.leave(false);
}

}  // namespace

bool stack_of_caller(uint64_t* limit, uint64_t* top) {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return false;
  void* start = nullptr;
  size_t bytes = 0;
  const bool told = pthread_attr_getstack(&attributes, &start, &bytes) == 0;
  pthread_attr_destroy(&attributes);
  *limit = reinterpret_cast<uint64_t>(start);
  *top = *limit + bytes;
  return told;
}

Thread* Threads::take_record() {
  for (Thread* thread = first_; thread != nullptr; thread = thread->next) {
    if (!thread->used) return thread;
  }
  auto* thread = static_cast<Thread*>(sys::map(sizeof(Thread)));
  if (thread == nullptr) return nullptr;
  thread->next = first_;
  first_ = thread;
  return thread;
}

Thread* Threads::join(uint64_t stack_top) {
  uint64_t limit = 0;
  uint64_t top = 0;
  if (!stack_of_caller(&limit, &top)) return nullptr;
  // Thread-local storage lies above what a caller names as the stack's base, and is wanted too.
  if (stack_top > top) top = stack_top;
  const sys::LockGuard guard(heap.lock);
  if (!key_made) key_made = pthread_key_create(&end_key, at_end) == 0;
  Thread* thread = take_record();
  if (thread == nullptr) return nullptr;
  thread->standing.id = sys::thread_id();
  thread->standing.thread_pointer = sys::thread_pointer();
  thread->standing.stand.store(kRuns, std::memory_order_relaxed);
  thread->stack_limit = limit;
  thread->stack_top = top;
  thread->other_top = 0;
  thread->result = nullptr;
  thread->handle = reinterpret_cast<uint64_t>(pthread_self());
  thread->used = true;
  thread->ended = false;
  thread->joined_by_nobody = false;
  thread->in_finalizers = false;
  thread->held[0] = thread->held[1] = 0;
  reset_buffers(*thread);
  current = thread;
  if (key_made) pthread_setspecific(end_key, thread);
  return thread;
}

void Threads::leave(bool keep) {
  Thread* thread = current;
  if (thread == nullptr) return;
  const sys::LockGuard guard(heap.lock);
  give_back_buffers(*thread);
  current = nullptr;
  thread->ended = true;
  if (!keep || thread->joined_by_nobody) forget(thread);
}

void Threads::forget(Thread* thread) {
  thread->result = nullptr;
  thread->used = false;
}

Thread* Threads::find(uint32_t id) {
  for (Thread* thread = first_; thread != nullptr; thread = thread->next) {
    if (thread->used && !thread->ended && thread->standing.id == id) return thread;
  }
  return nullptr;
}

Thread* Threads::find_handle(uint64_t handle) {
  for (Thread* thread = first_; thread != nullptr; thread = thread->next) {
    if (thread->used && thread->handle == handle) return thread;
  }
  return nullptr;
}

void Threads::after_fork() {
  for (Thread* thread = first_; thread != nullptr; thread = thread->next) {
    if (!thread->used || thread == current) continue;
    give_back_buffers(*thread);
    forget(thread);
  }
  if (current != nullptr) current->standing.id = sys::thread_id();
}

}  // namespace loam::collector
