// What libloam-check.so asks of libloam.so: it stands in front of the C library's functions whose calls check mode must know of.
// Both are preloaded together; without libloam.so these are null.
// Locking: none of its own; handlers are published by one atomic store.
#pragma once

#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

// The program wants something done about SIGSEGV or SIGBUS, or only asks (`wanted` null). Returns whether that is kept here, and
// called when a bad access has been looked at; else the C library is to be told.
extern "C" int loam_check_handler(int signal, const struct sigaction* wanted, struct sigaction* before)
    __attribute__((weak));

// A library is about to be unloaded, or has been.
extern "C" void loam_check_unloading() __attribute__((weak));

// The process is about to have its system calls filtered.
extern "C" void loam_check_filters() __attribute__((weak));

// A call of the C library has answered EFAULT, or has written less than it was to write. If of what the kernel was given there is
// memory that check mode has taken away, that is reported and goes on as if the program itself had accessed it.
// `writes`: the kernel was to write there. Keep errno.
extern "C" void loam_check_refused(const void* start, size_t bytes, int writes) __attribute__((weak));
// The same of a text that ends with a zero.
extern "C" void loam_check_refused_text(const char* text) __attribute__((weak));
// The same of parts, and of a message.
extern "C" void loam_check_refused_parts(const struct iovec* parts, size_t count, int writes)
    __attribute__((weak));
extern "C" void loam_check_refused_message(const struct msghdr* message, int writes) __attribute__((weak));

// A program is about to be executed in place of this one, or beside it.
extern "C" void loam_check_executes(const char* path) __attribute__((weak));
