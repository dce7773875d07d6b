// The way home of blocks that another heap owns: collected in parcels, posted to the owner, drained by it.
// Locking: none; see parcel.hpp for who owns a parcel when.
#pragma once

#include "heap/fault.hpp"
#include "heap/thread_heap.hpp"

namespace loam::heap {

// Frees a block where neither stack nor parcel may be touched (signal handlers, ended threads): the block itself carries
// the link. Returns false, with nothing changed, if it is no live one.
bool send_stray(Span& span, void* block);

// Puts a block that is free, and in no stack, into a parcel for the span's owner. Requires: the caller has marked the
// heap busy or owns it.
void send_home(ThreadHeap& heap, Span& span, void* block);
// The same without a parcel, for one that is free already.
void push_stray(Span& span, void* block);

// Posts every parcel that the heap has collected.
void post_all(ThreadHeap& heap);

// What the second free of a block is reported as.
Fault describe_double(const Span& span, const void* block);

// Takes what others freed back into the heap's spans. Requires: the caller has marked the heap busy or owns it.
void drain(ThreadHeap& heap);

}  // namespace loam::heap
