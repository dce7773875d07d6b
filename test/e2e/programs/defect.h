/* What the defect programs share: options, the announcement of the pointer that the message must name, and work for the
   heap between the parts of a defect. No stdio: its buffers would be blocks of the heap under test. */
#pragma once

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
  int clean;       /* the clean twin: the same program without the line that is wrong */
  size_t size;     /* of the block in question */
  size_t offset;   /* how far inside the block the wrong pointer points */
  const char* way; /* which thread does what, or which kind of pointer */
  long operations; /* other work of the heap before the wrong call */
};

static inline struct options read_options(int count, char** words) {
  struct options options = {0, 48, 8, "same", 0};
  for (int i = 1; i < count; ++i) {
    const char* value = i + 1 < count ? words[i + 1] : "";
    if (strcmp(words[i], "--clean") == 0) {
      options.clean = 1;
      continue;
    }
    if (strcmp(words[i], "--size") == 0)
      options.size = strtoull(value, NULL, 10);
    else if (strcmp(words[i], "--offset") == 0)
      options.offset = strtoull(value, NULL, 10);
    else if (strcmp(words[i], "--way") == 0)
      options.way = value;
    else if (strcmp(words[i], "--operations") == 0)
      options.operations = strtol(value, NULL, 10);
    else
      _exit(2);
    ++i;
  }
  return options;
}

/* Hides a pointer from the compiler, which would warn of the defect, or remove it. */
static inline void* hidden(void* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

/* "block ADDRESS USABLE passed ADDRESS" on standard output: what the message has to say. */
static inline void announce(void* block, void* passed) {
  char line[128];
  const size_t usable = block != NULL ? malloc_usable_size(block) : 0;
  const int length =
      snprintf(line, sizeof line, "block 0x%llx %zu passed 0x%llx\n", (unsigned long long)(uintptr_t)block,
               usable, (unsigned long long)(uintptr_t)passed);
  if (write(1, line, (size_t)length) != length) _exit(2);
}

/* A block with neighbours that stay, so that its span stays in use. Large blocks stand alone. */
static inline void* block_among_others(size_t size) {
  enum { kOthers = 40 };
  void* block = NULL;
  for (int i = 0; i < kOthers; ++i) {
    void* next = malloc(size);
    if (next == NULL) _exit(2);
    memset(next, i, size < 64 ? size : 64);
    if (i == kOthers / 2 || size > 65536) block = next;
    if (size > 65536) break;
  }
  return hidden(block);
}

enum { kSlots = 96 };

/* Work of a ring of live blocks, each slot always of one size, so that the heap needs no more memory for it after the
   first round. None of the sizes shares a class with those that the runner asks for. */
struct ring {
  void* slot[kSlots];
};

static inline size_t slot_size(int slot) {
  static const size_t sizes[] = {24, 72, 200, 700, 3000, 9000, 20000};
  return sizes[slot % 7];
}

/* Ends the program with status 3 when the heap hands out `forbidden` again: then the defect is no longer one that a
   heap can see, and the test can't judge. */
static inline void work(struct ring* ring, long operations, const void* forbidden) {
  const char* watched = (const char*)forbidden;
  for (long i = 0; i < operations; ++i) {
    const int slot = (int)(i % kSlots);
    char* next = (char*)malloc(slot_size(slot));
    if (next == NULL) _exit(2);
    if (watched != NULL && watched >= next && watched < next + malloc_usable_size(next)) _exit(3);
    memset(next, slot, 16);
    free(ring->slot[slot]);
    ring->slot[slot] = next;
  }
}

static inline void finish(struct ring* ring) {
  for (int i = 0; i < kSlots; ++i) free(ring->slot[i]);
}

static inline void run_thread(void* (*body)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, body, argument) != 0) _exit(2);
  if (pthread_join(thread, NULL) != 0) _exit(2);
}

static inline void* free_in_thread(void* block) {
  free(block);
  return NULL;
}
