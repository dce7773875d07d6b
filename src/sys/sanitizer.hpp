// Which sanitizer this build is for: what the compilers say in two dialects, as macros that are always defined.
// LOAM_WATCHED: memory accesses are watched, so inline assembly, in which none is seen, must not make any.
// LOAM_WATCHED_THREADS: the thread sanitizer, which knows addresses only of some ranges and mappings only from libc's calls.
#pragma once

#if defined(__has_feature)
#define LOAM_HAS_FEATURE(name) __has_feature(name)
#else
#define LOAM_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_THREAD__) || LOAM_HAS_FEATURE(thread_sanitizer)
#define LOAM_WATCHED_THREADS 1
#else
#define LOAM_WATCHED_THREADS 0
#endif

#if LOAM_WATCHED_THREADS || defined(__SANITIZE_ADDRESS__) || LOAM_HAS_FEATURE(address_sanitizer)
#define LOAM_WATCHED 1
#else
#define LOAM_WATCHED 0
#endif

// Of a function that reads memory which is not its own and may be poisoned, or be written by others meanwhile.
#if LOAM_WATCHED
#define LOAM_UNWATCHED __attribute__((no_sanitize("address", "thread")))
#else
#define LOAM_UNWATCHED
#endif
