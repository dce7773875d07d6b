// What /proc tells of another process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace loam::tool {

// Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names a process for good.
std::optional<std::uint64_t> start_ticks(std::uint64_t pid);

// Is the process with this pid and start time still there (and no zombie)? A start of 0 is not compared.
bool is_alive(std::uint64_t pid, std::uint64_t ticks);

// The path of the first mapped file whose name begins with `prefix`, nothing if there is none. `readable` tells
// whether the mappings could be read at all.
std::optional<std::string> mapped_library(std::uint64_t pid, const std::string& prefix, bool& readable);

// The signal sets of /proc/PID/status: is `signal` caught, is it blocked in the main thread?
struct SignalState {
  bool caught = false;
  bool blocked = false;
};
std::optional<SignalState> signal_state(std::uint64_t pid, int signal);

// Is the namespace `kind` ("net", "pid", "mnt") the same as that of this process? Nothing if it cannot be read.
std::optional<bool> same_namespace(std::uint64_t pid, const std::string& kind);

}  // namespace loam::tool
