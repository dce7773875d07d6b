/* loam.h - what a program can ask of the heap it runs on.
 *
 * All functions are declared weak: a program that includes this header runs without loam too. Test the address first:
 *     if (loam_version != NULL) printf("on loam %s\n", loam_version());
 *
 * Sizes are bytes. All functions are thread-safe; none allocates from the heap it describes, none changes errno.
 */
#ifndef LOAM_LOAM_H
#define LOAM_LOAM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LOAM_WEAK __attribute__((weak))

/* "0.1.0" */
const char* loam_version(void) LOAM_WEAK;

typedef enum {
  LOAM_NOT_OURS = 0,   /* no address of the heap's */
  LOAM_LIVE = 1,       /* in a block that the program owns */
  LOAM_FREE_BLOCK = 2, /* in a block that has been freed, or was never handed out */
  LOAM_FREE_SPAN = 3,  /* in pages that belong to no block */
} loam_state;

typedef struct {
  void* base;  /* where the block starts; null unless state is LOAM_LIVE or LOAM_FREE_BLOCK */
  size_t size; /* usable bytes of the block, 0 if base is null */
  loam_state state;
  uint32_t heap; /* number of the thread heap that owns the block; UINT32_MAX: none, as for large blocks */
} loam_block;

/* Fills *block for any word at all, pointer or not, without a fault. Constant time; blocks above 64 MiB take a binary
 * search under a lock. Returns block->state. */
loam_state loam_find(const void* word, loam_block* block) LOAM_WEAK;

/* Calls visit for each live block in address order, until it returns nonzero, which is then returned; else 0.
 * What other threads allocate or free meanwhile may be seen or not. visit must not call the allocator. */
int loam_walk(int (*visit)(const loam_block* block, void* argument), void* argument) LOAM_WEAK;

typedef struct {
  size_t live_blocks;
  size_t live_bytes;         /* usable bytes of live blocks */
  size_t free_in_span_bytes; /* free blocks of spans in use, and what their blocks leave over */
  size_t dirty_bytes;        /* free pages kept for reuse */
  size_t mapped_bytes;       /* address space of the heap */
  size_t metadata_bytes;
  size_t advised_bytes; /* address space on which huge pages are asked for */
  size_t large_blocks;  /* above 64 KiB */
  size_t large_bytes;
  size_t heaps; /* thread heaps */
  size_t threads_seen;
  size_t kernel_calls; /* memory calls to the kernel since start */
} loam_statistics;

/* Fills *statistics by walking the heap; linear in the number of spans. */
void loam_stats(loam_statistics* statistics) LOAM_WEAK;

typedef struct {
  uint32_t heap;      /* number of the thread heap */
  uint32_t thread;    /* thread id, 0 while no thread is attached */
  size_t live_blocks; /* that came from this heap, up to 64 KiB each */
  size_t live_bytes;
} loam_thread_bytes;

/* Fills up to count entries, one for each thread heap; returns how many heaps there are. Linear in heaps times spans. */
size_t loam_threads(loam_thread_bytes* entries, size_t count) LOAM_WEAK;

/* Memory calls to the kernel since start. */
unsigned long loam_kernel_calls(void) LOAM_WEAK;

/* Checks the heap's invariants; call it while no other thread allocates. Returns 0, or 1 and says on standard error
 * what is wrong. */
int loam_verify(void) LOAM_WEAK;

/* 1 under `loam check`, else 0: managers of memory then take a heap block for each object, since that is what is watched.
 * Does not change while the process runs. */
int loam_checking(void) LOAM_WEAK;

/* Keeps a copy of text (up to 200 bytes of it) beside the block under `loam check`, which shows it if the block is lost. Of several notes on
 * a block the last counts; one outlives the block, so note what is about to be lost, at exit. Elsewhere it does nothing. At most some
 * thousand are kept. */
void loam_note(const void* block, const char* text) LOAM_WEAK;

#ifdef __cplusplus
}
#endif

#endif
