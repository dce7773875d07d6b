// A file of zeros that the tool makes, maps, and shares with the processes that it starts; removed by the destructor.
//
// It needs a name as long as the run lasts, because programs that are executed later open it anew. A tool that was
// killed leaves its file behind; the next one removes it (only files of this user whose tool is gone).
#pragma once

#include <cstdint>
#include <string>

namespace loam::tool {

class SharedFile {
 public:
  // Makes the file in /dev/shm, else in $TMPDIR or /tmp; `kind` becomes part of its name. Throws Failure when none can be
  // written.
  SharedFile(const std::string& kind, std::uint64_t bytes);
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  const std::string& path() const { return path_; }
  void* base() const { return base_; }

 private:
  bool create_in(const std::string& folder, const std::string& prefix);

  std::string path_;
  std::uint64_t bytes_;
  void* base_ = nullptr;
};

}  // namespace loam::tool
