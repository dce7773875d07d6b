// Those of bdwgc's functions that others of them call.
#pragma once

#include <cstddef>

#include "lib/gc/finalize.hpp"

extern "C" {
void GC_init(void);
void GC_gcollect(void);
void GC_free(void* object);
void* GC_realloc(void* object, size_t bytes);
void GC_register_finalizer(void*, loam::collector::Finalizer, void*, loam::collector::Finalizer*, void**);
void GC_register_finalizer_ignore_self(void*, loam::collector::Finalizer, void*, loam::collector::Finalizer*,
                                       void**);
void GC_register_finalizer_no_order(void*, loam::collector::Finalizer, void*, loam::collector::Finalizer*,
                                    void**);
void GC_register_finalizer_unreachable(void*, loam::collector::Finalizer, void*, loam::collector::Finalizer*,
                                       void**);
}
