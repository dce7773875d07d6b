// The one way for the tool to give up: a message for people and an exit status, caught in main.
#pragma once

#include <stdexcept>
#include <string>

namespace loam::tool {

// Exit statuses of the tool itself; anything else is the status of the program that it ran. 125 to 127 are
// those of env, nohup and timeout, so that scripts which wrap programs know them.
inline constexpr int kExitClean = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitRefused = 125;
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitFindings = 99;

class Failure : public std::runtime_error {
 public:
  Failure(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

}  // namespace loam::tool
