// loam-workload: runs one synthetic workload and tells which library served its malloc.
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "workloads/workload.hpp"

namespace loam::bench {

double seconds_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

namespace {

using List = std::span<const Workload> (*)();
constexpr std::array<List, 6> kLists{small_workloads, structure_workloads, large_workloads,
                                     queue_workloads, thread_workloads,    server_workloads};

void usage(std::FILE* out) {
  std::fprintf(out,
               "Usage: loam-workload NAME\n"
               "       loam-workload --list\n\n"
               "Runs a synthetic workload. Standard output: \"checksum N\" (the same under every malloc) or\n"
               "\"throughput N\" in operations per second. Standard error: the library that served malloc\n"
               "and free, as \"malloc PATH\".\n"
               "Exit status: 0 done, 1 malloc and free are served by different libraries, 2 usage.\n\n"
               "Example: LD_PRELOAD=libloam.so loam-workload small-churn\n");
}

int list() {
  for (const List& workloads : kLists) {
    for (const Workload& workload : workloads()) {
      std::printf("%-22s %s%s\n", std::string(workload.name).c_str(), workload.is_timed ? "(timed) " : "",
                  std::string(workload.sentence).c_str());
    }
  }
  return 0;
}

std::string library_of(void* symbol) {
  Dl_info info{};
  if (dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return "unknown";
  return info.dli_fname;
}

// Resolved at run time as the dynamic linker binds the workload's own calls. Under glibc, operator new is
// libstdc++'s and calls malloc, so only malloc and free have to agree there.
bool print_server() {
  const std::string server = library_of(dlsym(RTLD_DEFAULT, "malloc"));
  const std::string releaser = library_of(dlsym(RTLD_DEFAULT, "free"));
  std::fprintf(stderr, "malloc %s\n", server.c_str());
  if (server == releaser) return true;
  std::fprintf(stderr, "loam-workload: free is served by %s\n", releaser.c_str());
  return false;
}

int run(std::string_view name) {
  for (const List& workloads : kLists) {
    for (const Workload& workload : workloads()) {
      if (workload.name != name) continue;
      const Result result = workload.run();
      if (workload.is_timed) {
        std::printf("throughput %.0f\n", result.operations_per_second);
      } else {
        std::printf("checksum %llu\n", static_cast<unsigned long long>(result.checksum));
      }
      return print_server() ? 0 : 1;
    }
  }
  std::fprintf(stderr, "loam-workload: no workload \"%s\" (see --list)\n", std::string(name).c_str());
  return 2;
}

}  // namespace
}  // namespace loam::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    loam::bench::usage(stderr);
    return 2;
  }
  const std::string_view word = argv[1];
  if (word == "--help") {
    loam::bench::usage(stdout);
    return 0;
  }
  if (word == "--list") return loam::bench::list();
  return loam::bench::run(word);
}
