// bdwgc's variables, which programs read and write as they like.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
extern int GC_all_interior_pointers;
extern int GC_dont_gc;
extern int GC_find_leak;
extern int GC_finalize_on_demand;
extern int GC_no_dls;
extern void (*GC_finalizer_notifier)(void);
extern uint64_t GC_free_space_divisor;
extern uint64_t GC_gc_no;
extern void* (*GC_oom_fn)(size_t);
}

// bdwgc's; stands for our own growth.
constexpr uint64_t kDefaultDivisor = 3;
