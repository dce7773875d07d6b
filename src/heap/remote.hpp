// Frees of blocks that another heap owns: collected in parcels, posted to the owner, drained by it.
// Locking: none; see parcel.hpp for who owns a parcel when.
#pragma once

#include "heap/thread_heap.hpp"

namespace loam::heap {

// Frees a block of another heap's span on behalf of `heap`. A second free of a block in the same parcel, or of one
// that its owner knows to be free, is told in this call; one in another thread's parcel when the owner drains it.
void send(ThreadHeap& heap, Span& span, void* block);

// The same where no parcel may be touched (signal handlers, ended threads): the block itself carries the link.
void send_stray(Span& span, void* block);

// Posts every parcel that the heap has collected.
void post_all(ThreadHeap& heap);

// Takes what others freed back into the heap's spans. Requires: the caller has marked the heap busy or owns it.
void drain(ThreadHeap& heap);

}  // namespace loam::heap
