/* What the storm programs share: options, pattern-filled blocks, a check that the malloc under test serves, the clock.
   Nothing here allocates, so that a program's blocks are its own. */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct storm {
  double seconds;
  uint32_t seed;
  int threads;
  const char* what; /* first word that is no option */
};

/* A program that knows where it is says so first. */
static void (*storm_where)(void);

static inline void storm_fail(const char* format, ...) {
  char line[512];
  if (storm_where != NULL) storm_where();
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
  line[length++] = '\n';
  if (write(2, line, (size_t)length) < 0) _exit(1);
  _exit(1);
}

static inline void storm_say(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (write(1, line, (size_t)length) < 0) _exit(1);
}

/* A preload that failed is silent; LOAM_TEST_ANY_MALLOC lets a storm be tried on other mallocs. */
static inline void require_loam(void) {
  Dl_info info;
  if (getenv("LOAM_TEST_ANY_MALLOC") != NULL) return;
  if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0 || strstr(info.dli_fname, "libloam") == NULL) {
    storm_fail("this process does not run on loam's malloc");
  }
}

static inline struct storm storm_options(int count, char** words) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct storm storm = {3, (uint32_t)now.tv_nsec | 1, 3, ""};
  for (int i = 1; i < count; ++i) {
    if (words[i][0] != '-') {
      storm.what = words[i];
      continue;
    }
    if (i + 1 >= count) _exit(2);
    if (strcmp(words[i], "--seconds") == 0)
      storm.seconds = strtod(words[++i], NULL);
    else if (strcmp(words[i], "--seed") == 0)
      storm.seed = (uint32_t)strtoul(words[++i], NULL, 0) | 1;
    else if (strcmp(words[i], "--threads") == 0)
      storm.threads = atoi(words[++i]);
    else
      _exit(2);
  }
  require_loam();
  storm_say("seed %u\n", storm.seed);
  return storm;
}

static inline double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

/* Mostly small, now and then up to some MiB, as programs are. */
static inline size_t random_size(uint32_t* state) {
  static const uint32_t top[] = {64, 64, 128, 128, 256, 256, 512, 1024, 1024, 4096, 16384, 65536};
  const uint32_t pick = next_random(state);
  if (pick % 1024 == 0) return 1 + next_random(state) % (4u << 20);
  if (pick % 128 == 0) return 1 + next_random(state) % 400000;
  return 1 + next_random(state) % top[pick % (sizeof top / sizeof *top)];
}

/* A block knows its own size and mark, so that whoever frees it can tell whether anybody wrote over it. */
struct marked {
  size_t size; /* of the whole block, this header included */
  uint64_t mark;
};

static inline uint64_t mark_of(const void* block, size_t size) {
  return ((uint64_t)(uintptr_t)block * 0x9E3779B97F4A7C15u) ^ (size * 0xC2B2AE3D27D4EB4Fu);
}

static inline void paint(void* block, size_t size) {
  struct marked* head = (struct marked*)block;
  unsigned char* bytes = (unsigned char*)block;
  head->size = size;
  head->mark = mark_of(block, size);
  for (size_t i = sizeof *head; i < size; i += i < 1024 ? 1 : 1021)
    bytes[i] = (unsigned char)(head->mark >> (i % 8));
  if (size > sizeof *head) bytes[size - 1] = (unsigned char)(head->mark >> ((size - 1) % 8));
}

static inline void inspect_at(const void* block, uintptr_t painted_at, size_t upto) {
  const struct marked* head = (const struct marked*)block;
  const unsigned char* bytes = (const unsigned char*)block;
  if (head->mark != mark_of((const void*)painted_at, head->size))
    storm_fail("the head of block %p changed", block);
  for (size_t i = sizeof *head; i < upto; i += i < 1024 ? 1 : 1021) {
    if (bytes[i] != (unsigned char)(head->mark >> (i % 8))) {
      storm_fail("byte %zu of block %p (%zu bytes) changed", i, block, head->size);
    }
  }
}

static inline void inspect(const void* block) {
  inspect_at(block, (uintptr_t)block, ((const struct marked*)block)->size);
}

static inline void* painted(size_t size) {
  if (size < sizeof(struct marked)) size = sizeof(struct marked);
  void* block = malloc(size);
  if (block == NULL) storm_fail("no memory for %zu bytes", size);
  paint(block, size);
  return block;
}

static inline void inspect_and_free(void* block) {
  if (block == NULL) return;
  inspect(block);
  ((struct marked*)block)->mark = 0;
  free(block);
}

static inline void* repainted(void* block, size_t size) {
  const size_t before = ((struct marked*)block)->size;
  const uintptr_t painted_at = (uintptr_t)block;
  if (size < sizeof(struct marked)) size = sizeof(struct marked);
  inspect(block);
  char* next = (char*)realloc(block, size);
  if (next == NULL) storm_fail("no memory for %zu bytes", size);
  inspect_at(next, painted_at, size < before ? size : before);
  paint(next, size);
  return next;
}

/* A field of /proc/self/status in KiB. */
static inline size_t status_kib(const char* field) {
  static char text[8192];
  FILE* file = fopen("/proc/self/status", "re");
  if (file == NULL) return 0;
  const size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  const char* found = strstr(text, field);
  return found != NULL ? strtoull(found + strlen(field) + 1, NULL, 10) : 0;
}
