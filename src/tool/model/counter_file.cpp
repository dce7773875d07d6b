#include "tool/model/counter_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr const char* kPrefix = "loam-counters-";

// Removes counter files in `folder` that belong to this user and whose tool no longer runs.
void remove_stale(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const auto pid = to_number(std::string_view(name).substr(
        std::strlen(kPrefix), name.find('-', std::strlen(kPrefix)) - std::strlen(kPrefix)));
    struct stat status{};
    if (!pid || lstat(entry.path().c_str(), &status) != 0 || status.st_uid != geteuid()) continue;
    if (kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) unlink(entry.path().c_str());
  }
}

}  // namespace

bool CounterFile::create_in(const std::string& folder) {
  if (folder.empty() || access(folder.c_str(), W_OK | X_OK) != 0) return false;
  remove_stale(folder);
  std::string name = fmt::format("{}/{}{}-XXXXXX", folder, kPrefix, getpid());
  const Descriptor file(mkostemp(name.data(), O_CLOEXEC));
  if (!file.valid()) return false;
  const std::uint64_t bytes = format::file_bytes(format::kSlotCapacity);
  void* at = MAP_FAILED;
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) == 0) {
    at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  }
  if (at == MAP_FAILED) {
    unlink(name.c_str());
    return false;
  }
  base_ = at;
  path_ = name;
  return true;
}

CounterFile::CounterFile(bool follow) {
  const char* temporary = environment("TMPDIR");
  if (!create_in("/dev/shm") && !create_in(temporary == nullptr ? "" : temporary) && !create_in("/tmp")) {
    throw Failure(kExitRefused, fmt::format("cannot make the counter file in /dev/shm, $TMPDIR or /tmp: {}",
                                            error_text(errno)));
  }
  format::CounterHeader& head = header();
  head.version.store(format::kCounterVersion);
  head.header_bytes.store(format::kHeaderBytes);
  head.slot_bytes.store(format::kSlotBytes);
  head.capacity.store(format::kSlotCapacity);
  head.follow.store(follow ? 1 : 0);
  head.magic.store(format::kCounterMagic, std::memory_order_release);
}

CounterFile::~CounterFile() {
  munmap(base_, format::file_bytes(format::kSlotCapacity));
  unlink(path_.c_str());
}

const format::CounterSlot& CounterFile::slot(std::uint64_t index) const {
  const char* at = static_cast<const char*>(base_) + format::slot_offset(index);
  return *reinterpret_cast<const format::CounterSlot*>(at);
}

std::uint64_t CounterFile::slots() const { return std::min(header().claimed.load(), format::kSlotCapacity); }

std::uint64_t CounterFile::dropped() const { return header().claimed.load() - slots(); }

}  // namespace loam::tool
