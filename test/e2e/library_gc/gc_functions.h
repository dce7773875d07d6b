/* Those of bdwgc's functions that the test calls, as its header declares them: so that the test needs no package. */
#ifndef LOAM_TEST_GC_FUNCTIONS_H
#define LOAM_TEST_GC_FUNCTIONS_H

#include <pthread.h>
#include <stddef.h>
#include <wchar.h>

typedef unsigned long GC_word;
typedef void (*GC_finalization_proc)(void*, void*);

void GC_init(void);
void* GC_malloc(size_t);
void* GC_malloc_atomic(size_t);
void* GC_malloc_uncollectable(size_t);
void* GC_malloc_ignore_off_page(size_t);
void* GC_realloc(void*, size_t);
void GC_free(void*);
char* GC_strdup(const char*);
char* GC_strndup(const char*, size_t);
wchar_t* GC_wcsdup(const wchar_t*);
void* GC_memalign(size_t, size_t);
int GC_posix_memalign(void**, size_t, size_t);
void* GC_malloc_many(size_t);
void* GC_base(void*);
size_t GC_size(const void*);
int GC_is_heap_ptr(const void*);
void GC_gcollect(void);
void GC_disable(void);
void GC_enable(void);
void GC_add_roots(void*, void*);
void GC_remove_roots(void*, void*);
GC_word GC_get_gc_no(void);
size_t GC_get_heap_size(void);
size_t GC_get_free_bytes(void);
size_t GC_get_total_bytes(void);
void GC_set_max_heap_size(GC_word);
void GC_set_oom_fn(void* (*)(size_t));
void GC_register_finalizer(void*, GC_finalization_proc, void*, GC_finalization_proc*, void**);
void GC_register_finalizer_ignore_self(void*, GC_finalization_proc, void*, GC_finalization_proc*, void**);
void GC_register_finalizer_no_order(void*, GC_finalization_proc, void*, GC_finalization_proc*, void**);
void GC_set_finalize_on_demand(int);
int GC_should_invoke_finalizers(void);
int GC_invoke_finalizers(void);
int GC_general_register_disappearing_link(void**, const void*);
int GC_unregister_disappearing_link(void**);
int GC_move_disappearing_link(void**, void**);
int GC_register_long_link(void**, const void*);
void GC_allow_register_threads(void);
int GC_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int GC_pthread_join(pthread_t, void**);
void* GC_call_with_alloc_lock(void* (*)(void*), void*);
void* GC_debug_malloc(size_t, const char*, int);
void GC_debug_free(void*);
void GC_set_find_leak(int);

/* The numbers of GC_ToggleRefStatus. */
enum { GC_TOGGLE_REF_DROP, GC_TOGGLE_REF_STRONG, GC_TOGGLE_REF_WEAK };
typedef int (*GC_toggleref_func)(void*);
void GC_set_toggleref_func(GC_toggleref_func);
GC_toggleref_func GC_get_toggleref_func(void);
int GC_toggleref_add(void*, int);

void GC_init_gcj_malloc(int, void*);
void* GC_gcj_malloc(size_t, void*);
void* GC_debug_gcj_malloc(size_t, void*, const char*, int);

struct GC_finalizer_closure {
  GC_finalization_proc proc;
  void* cd;
};
void GC_init_finalized_malloc(void);
void* GC_finalized_malloc(size_t, const struct GC_finalizer_closure*);

struct GC_stack_base {
  void* mem_base;
};
void* GC_get_my_stackbottom(struct GC_stack_base*);
void GC_set_stackbottom(void*, const struct GC_stack_base*);
void GC_set_push_other_roots(void (*)(void));
void (*GC_get_push_other_roots(void))(void);
void GC_push_all_eager(void*, void*);

void GC_enable_incremental(void);
int GC_is_incremental_mode(void);
int GC_collect_a_little(void);
void GC_start_incremental_collection(void);
void GC_set_free_space_divisor(GC_word);
void GC_set_warn_proc(void (*)(char*, GC_word));

#endif
