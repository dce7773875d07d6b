// What libloam-check.so asks of libloam.so: it stands in front of the C library's functions whose calls check mode must know of.
// Both are preloaded together; without libloam.so these are null.
// Locking: none of its own; handlers are published by one atomic store.
#pragma once

#include <signal.h>

// The program wants something done about SIGSEGV or SIGBUS, or only asks (`wanted` null). Returns whether that is kept here, and
// called when a bad access has been looked at; else the C library is to be told.
extern "C" int loam_check_handler(int signal, const struct sigaction* wanted, struct sigaction* before)
    __attribute__((weak));

// A library is about to be unloaded, or has been.
extern "C" void loam_check_unloading() __attribute__((weak));
