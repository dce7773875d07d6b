// Trying each kernel feature in a way that changes nothing.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tool/model/files.hpp"
#include "tool/model/host.hpp"

namespace loam::tool {
namespace {

// Numbers that the headers of Debian 12 do not have yet. They are part of the kernel's stable interface.
constexpr int kAdviseGuardInstall = 102;
constexpr int kAdviseCollapse = 25;
constexpr std::uint64_t kUffdWriteProtectAsync = std::uint64_t{1} << 15;
constexpr std::uint64_t kUffdMove = std::uint64_t{1} << 16;
constexpr std::size_t kHuge = std::size_t{2} << 20;

struct PagemapScan {  // struct pm_scan_arg of Linux 6.7
  std::uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  std::uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

Feature answer(const char* name, bool available, const std::string& detail) {
  return {name, available, detail};
}

// Gives advice to a fresh mapping of `bytes`, with one touched page in it.
Feature probe_advice(const char* name, int advice, std::size_t bytes, const char* meaning) {
  const std::size_t whole = bytes == kHuge ? 2 * kHuge : bytes;
  void* memory =
      mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return answer(name, false, "mmap: " + error_text(errno));
  char* start = static_cast<char*>(memory);
  const std::size_t past = bytes == kHuge ? reinterpret_cast<std::uintptr_t>(start) % kHuge : 0;
  if (past != 0) start += kHuge - past;
  *start = 1;
  const bool good = madvise(start, bytes, advice) == 0;
  const std::string detail = good ? meaning : error_text(errno);
  munmap(memory, whole);
  return answer(name, good, detail);
}

Feature probe_pagemap_scan() {
  const char* name = "PAGEMAP_SCAN";
  const Descriptor file(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return answer(name, false, "/proc/self/pagemap: " + error_text(errno));
  PagemapScan request{};
  request.size = sizeof request;
  const std::uint64_t page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  request.start = reinterpret_cast<std::uintptr_t>(&request) / page * page;
  request.end = request.start + page;
  request.category_mask = std::uint64_t{1} << 3;  // present pages
  const bool good = ioctl(file.get(), _IOWR('f', 16, PagemapScan), &request) >= 0;
  return answer(name, good,
                good ? "finds dirty pages in one call" : error_text(errno) + " (Linux 6.7 and later)");
}

Feature probe_userfaultfd() {
  const char* name = "userfaultfd";
  Descriptor file(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY)));
  if (!file.valid()) return answer(name, false, error_text(errno));
  uffdio_api request{};
  request.api = UFFD_API;
  if (ioctl(file.get(), UFFDIO_API, &request) != 0) return answer(name, false, error_text(errno));
  return answer(name, true,
                fmt::format("asynchronous write protection: {}, page moves: {}",
                            (request.features & kUffdWriteProtectAsync) != 0 ? "yes" : "no",
                            (request.features & kUffdMove) != 0 ? "yes" : "no"));
}

Feature probe_vm_read() {
  const char* name = "process_vm_readv";
  int here = 1;
  int there = 2;
  const iovec local{&here, sizeof here};
  const iovec remote{&there, sizeof there};
  const bool good = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == sizeof here && here == there;
  std::string detail = good ? "" : error_text(errno);
  const auto scope = read_file("/proc/sys/kernel/yama/ptrace_scope");
  if (scope) detail += fmt::format("{}yama ptrace_scope {}", detail.empty() ? "" : ", ", trim(*scope));
  return answer(name, good, detail.empty() ? "reads the memory of another process" : detail);
}

Feature probe_perf() {
  const char* name = "perf_event_open(cycles)";
  perf_event_attr request{};
  request.size = sizeof request;
  request.type = PERF_TYPE_HARDWARE;
  request.config = PERF_COUNT_HW_CPU_CYCLES;
  request.exclude_kernel = 1;
  const Descriptor file(
      static_cast<int>(syscall(SYS_perf_event_open, &request, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  return answer(name, file.valid(),
                file.valid() ? "hardware counters" : error_text(errno) + ": CPU time is used instead");
}

Feature probe_memfd() {
  const Descriptor file(memfd_create("loam-doctor", MFD_CLOEXEC));
  return answer("memfd_create", file.valid(),
                file.valid() ? "memory as a file without a name" : error_text(errno));
}

Feature probe_pidfd() {
  const Descriptor file(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  return answer("pidfd_open", file.valid(),
                file.valid() ? "signals that cannot hit a reused pid" : error_text(errno));
}

Feature probe_membarrier() {
  const long offered = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  const bool good = offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
  return answer("membarrier", good, good ? "expedited, private" : error_text(errno));
}

Feature probe_abstract_socket() {
  const char* name = "abstract Unix socket";
  const Descriptor file(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Only the family: the kernel picks a free abstract name.
  const bool good =
      file.valid() && bind(file.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0;
  return answer(name, good, good ? "the channel of loam stats" : error_text(errno));
}

Feature probe_rseq() {
  const bool good = __rseq_size > 0;
  return answer("rseq", good,
                good ? fmt::format("registered by the C library, {} bytes", __rseq_size)
                     : "not registered by the C library");
}

Feature probe_vma_name() {
  void* memory = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return answer("PR_SET_VMA_ANON_NAME", false, "mmap: " + error_text(errno));
  const bool good = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, memory, 4096, "loam-doctor") == 0;
  const std::string detail = good ? "mappings carry names in /proc/PID/maps" : error_text(errno);
  munmap(memory, 4096);
  return answer("PR_SET_VMA_ANON_NAME", good, detail);
}

}  // namespace

std::vector<Feature> probe_features() {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return {
      probe_advice("MADV_HUGEPAGE", MADV_HUGEPAGE, kHuge, "huge pages on advice"),
      probe_advice("MADV_COLLAPSE", kAdviseCollapse, kHuge, "joins small pages into a huge one at once"),
      probe_advice("MADV_POPULATE_WRITE", MADV_POPULATE_WRITE, page, "faults pages in by one call"),
      probe_advice("MADV_FREE", MADV_FREE, page, "gives pages back lazily"),
      probe_advice("MADV_GUARD_INSTALL", kAdviseGuardInstall, page,
                   "guard pages that do not split a mapping"),
      probe_pagemap_scan(),
      probe_userfaultfd(),
      probe_rseq(),
      probe_membarrier(),
      probe_memfd(),
      probe_pidfd(),
      probe_vm_read(),
      probe_abstract_socket(),
      probe_vma_name(),
      probe_perf(),
  };
}

}  // namespace loam::tool
