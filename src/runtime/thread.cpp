#include "runtime/thread.hpp"

#include <pthread.h>

#include "check/check.hpp"
#include "heap/fast_path.hpp"
#include "heap/registry.hpp"
#include "runtime/runtime.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

namespace {

using heap::ThreadHeap;

constinit pthread_key_t key = 0;
constinit bool have_key = false;

// Other libraries' destructors allocate and free too, and libc runs destructors in four rounds: leave in the last
// but one, which also lets the destructors of keys made after ours go first.
constexpr uintptr_t kRounds = 3;

void on_thread_end(void* round) {
  const auto left = reinterpret_cast<uintptr_t>(round) - 1;
  if (left > 0) {
    pthread_setspecific(key, reinterpret_cast<void*>(left));
    return;
  }
  ThreadHeap* heap = own_heap;
  heap::fast_heap = &heap::null_heap;
  own_heap = reinterpret_cast<ThreadHeap*>(kEndedHeap);
  if (reinterpret_cast<uintptr_t>(heap) > kEndedHeap) heap::orphan_heap(*heap);
}

}  // namespace

thread_local constinit ThreadHeap* own_heap __attribute__((tls_model("initial-exec"))) = nullptr;

void prepare_threads() { have_key = pthread_key_create(&key, on_thread_end) == 0; }

ThreadHeap* attach_thread(const void* brought) {
  start();
  if (mode() == Mode::kUnstarted || mode() == Mode::kPassive) return nullptr;
  ThreadHeap* heap = heap::attach_heap(brought);
  if (heap == nullptr) return nullptr;
  if (mode() == Mode::kCheck) check::change_thread(heap);
  heap->shown = mode() == Mode::kFast ? heap : &heap::null_heap;
  own_heap = heap;
  heap::fast_heap = heap->shown;
  // Only now: for a high key libc allocates, and must find the heap attached.
  if (have_key) pthread_setspecific(key, reinterpret_cast<void*>(kRounds));
  return heap;
}

}  // namespace loam::runtime
