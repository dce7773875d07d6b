#include "tool/model/shared_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

// Removes files in `folder` that begin so, belong to this user, and whose tool no longer runs.
void remove_stale(const std::string& folder, const std::string& prefix) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const auto pid = to_number(
        std::string_view(name).substr(prefix.size(), name.find('-', prefix.size()) - prefix.size()));
    struct stat status{};
    if (!pid || lstat(entry.path().c_str(), &status) != 0 || status.st_uid != geteuid()) continue;
    if (kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) unlink(entry.path().c_str());
  }
}

}  // namespace

bool SharedFile::create_in(const std::string& folder, const std::string& prefix) {
  if (folder.empty() || access(folder.c_str(), W_OK | X_OK) != 0) return false;
  remove_stale(folder, prefix);
  std::string name = fmt::format("{}/{}{}-XXXXXX", folder, prefix, getpid());
  const Descriptor file(mkostemp(name.data(), O_CLOEXEC));
  if (!file.valid()) return false;
  void* at = MAP_FAILED;
  if (ftruncate(file.get(), static_cast<off_t>(bytes_)) == 0) {
    at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  }
  if (at == MAP_FAILED) {
    unlink(name.c_str());
    return false;
  }
  base_ = at;
  path_ = name;
  return true;
}

SharedFile::SharedFile(const std::string& kind, std::uint64_t bytes) : bytes_(bytes) {
  const char* temporary = environment("TMPDIR");
  const std::string prefix = "loam-" + kind + "-";
  if (!create_in("/dev/shm", prefix) && !create_in(temporary == nullptr ? "" : temporary, prefix) &&
      !create_in("/tmp", prefix)) {
    throw Failure(kExitRefused, fmt::format("cannot make the file for {} in /dev/shm, $TMPDIR or /tmp: {}",
                                            kind, error_text(errno)));
  }
}

SharedFile::~SharedFile() {
  munmap(base_, bytes_);
  unlink(path_.c_str());
}

}  // namespace loam::tool
