// The doubly linked list of a class's spans with free blocks, threaded through the records. No locking: the owner's;
// another thread may ask whether the list is empty.
#pragma once

#include "heap/span.hpp"

namespace loam::heap {

inline void push_front(Span*& head, Span& span) {
  span.prev = nullptr;
  span.next = head;
  if (head != nullptr) head->prev = &span;
  sys::poke(head, &span);
}

inline void unlink(Span*& head, Span& span) {
  sys::poke(span.prev != nullptr ? span.prev->next : head, span.next);
  if (span.next != nullptr) span.next->prev = span.prev;
  span.next = span.prev = nullptr;
}

}  // namespace loam::heap
