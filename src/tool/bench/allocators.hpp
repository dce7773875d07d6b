// The contestants of a benchmark: which shared libraries serve malloc, and where they lie on this machine.
//
// Whatever is missing is a Failure with status 2. Invariant: a list that was returned names files that exist; a library that cannot be found is an error that
// tells which Debian package brings it, never a contestant that silently runs on another malloc.
#pragma once

#include <string>
#include <vector>

namespace loam::tool::bench {

struct Allocator {
  std::string name;
  std::string library;  // absolute path, preloaded
  bool ours = false;
};

// Directory of the running executable.
std::string executable_directory();

// First existing file among `candidates` relative to the executable's directory; empty when there is none.
std::string find_beside(const std::vector<std::string>& candidates);

// loam, glibc, jemalloc, mimalloc, tcmalloc from their usual places.
std::vector<Allocator> default_allocators();

// Those of others that are installed: jemalloc, mimalloc, tcmalloc, or fewer.
std::vector<Allocator> installed_peers();

// From a list such as "glibc,loam,mine=/path/lib.so,/path/libother.so": names without a path come from the usual places, and a path
// without a name is named after its file, "other".
std::vector<Allocator> parse_allocators(const std::string& list);

// Sets LD_PRELOAD in this process for a later exec: the library alone, so that nothing else can serve malloc.
void preload(const Allocator& allocator);

}  // namespace loam::tool::bench
