// A folder for what processes leave about their leaks when they end: made before the program starts, removed with everything in it.
#pragma once

#include <string>

namespace loam::tool {

class LeaksFolder {
 public:
  // Throws Failure when it cannot be made.
  LeaksFolder();
  ~LeaksFolder();
  LeaksFolder(const LeaksFolder&) = delete;
  LeaksFolder& operator=(const LeaksFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace loam::tool
