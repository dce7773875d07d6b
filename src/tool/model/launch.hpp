// Starting a program, passing signals on to it, and waiting for its end.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace loam::tool {

struct Launch {
  std::string path;                    // the file to execute
  std::vector<std::string> arguments;  // argv, the name first
  std::vector<std::pair<std::string, std::string>>
      environment;                 // set in the program, beside what is inherited
  std::function<void()> in_child;  // runs between fork and exec; may be empty
};

struct Ended {
  int pid = 0;
  int wait_status = 0;
  rusage usage{};  // of the program and of the children that it waited for
  std::uint64_t wall_ns = 0;
  int stop_signal = 0;  // the last by which somebody asked the tool itself to stop, and was passed on
};

// Runs the program to its end. While it runs, signals sent to the tool are sent on to it; those which the terminal
// sends to the whole foreground group are not sent twice. Throws Failure if it cannot be started.
Ended run_program(const Launch& launch);

// Ends this process as the program ended: the same exit status, or the same signal (without a second core file).
// Returns the status for main; does not return for a signal unless that signal cannot end this process.
int pass_status_on(int wait_status);

}  // namespace loam::tool
