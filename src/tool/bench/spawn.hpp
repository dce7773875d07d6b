// Starting helper programs of the benchmark: plainly, with captured output, or in the background.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace loam::tool::bench {

// Starts a program with this process's environment; its standard output and error go to `output` (a file) unless that is
// empty. Returns the process id; throws Failure when it cannot be started.
pid_t start(const std::vector<std::string>& command, const std::string& output);

// Waits for it; the exit status, or 128 + signal.
int finish(pid_t process);

// Has it ended? It stays to be waited for.
bool has_ended(pid_t process);

// start() and finish(), output to our own.
int run_plainly(const std::vector<std::string>& command);

// Standard output of a program that succeeds; Failure if it does not.
std::string capture(const std::vector<std::string>& command);

}  // namespace loam::tool::bench
