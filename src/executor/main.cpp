// loam-executor: does the operations of a recording on the malloc that it was started with, for `loam replay --allocator`.
//
// Its own tables are mapped and touched before the clock starts. Prints a line of words NAME=VALUE; the last is the library that
// served malloc, so that nobody mistakes one allocator for another.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "executor/operations.hpp"

namespace {

using loam::executor::Job;
using loam::executor::Slot;
using loam::executor::Tally;
namespace format = loam::format;

constexpr int kUsage = 2;
constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::size_t kChunkBytes = format::kWordsInChunk * sizeof(format::OperationWord);

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "loam-executor: %s\n", what);
  std::exit(1);
}

void* map_pages(std::size_t bytes, int file, std::uint64_t offset) {
  const int kind = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE : MAP_PRIVATE;
  void* made = mmap(nullptr, bytes, file < 0 ? PROT_READ | PROT_WRITE : PROT_READ, kind, file,
                    static_cast<off_t>(offset));
  if (made == MAP_FAILED) fail("no memory for its tables");
  return made;
}

struct Thread {
  const Job* job = nullptr;
  std::uint32_t number = 0;
  format::OperationWord* words = nullptr;
  pthread_barrier_t* start = nullptr;
  Tally tally;
  pthread_t handle{};
};

void* run(void* argument) {
  auto& thread = *static_cast<Thread*>(argument);
  pthread_barrier_wait(thread.start);
  thread.tally = loam::executor::run_thread(*thread.job, thread.number, thread.words);
  return nullptr;
}

// All threads begin at once; each ends with its last operation.
Tally run_threads(Job& job, bool is_marked) {
  const std::uint32_t count = job.head->threads;
  auto* threads = static_cast<Thread*>(map_pages(count * sizeof(Thread), -1, 0));
  auto* words = static_cast<char*>(map_pages(count * kChunkBytes, -1, 0));
  pthread_barrier_t start;
  pthread_barrier_init(&start, nullptr, count);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    threads[i].job = &job;
    threads[i].number = i;
    threads[i].start = &start;
    threads[i].words = reinterpret_cast<format::OperationWord*>(words + i * kChunkBytes);
    if (i != 0 && pthread_create(&threads[i].handle, &attributes, run, &threads[i]) != 0)
      fail("a thread could not be started");
  }
  if (is_marked) madvise(nullptr, 0, format::kOperationsMark);
  job.start_ns = loam::executor::now_ns();
  if (count != 0) run(&threads[0]);
  Tally sum;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i != 0) pthread_join(threads[i].handle, nullptr);
    const Tally& of = threads[i].tally;
    sum.cpu_ns += of.cpu_ns;
    sum.minor_faults += of.minor_faults;
    sum.major_faults += of.major_faults;
    sum.failed += of.failed;
    sum.broken += of.broken;
    sum.is_read = sum.is_read && of.is_read;
  }
  if (is_marked) madvise(nullptr, 0, format::kOperationsMark);
  return sum;
}

// In KiB, of a line of /proc/self/status; without a stream, which would call malloc.
std::uint64_t status_kib(const char* name) {
  static char text[8192];
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t bytes = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  text[bytes > 0 ? bytes : 0] = '\0';
  const char* line = std::strstr(text, name);
  return line == nullptr ? 0 : std::strtoull(line + std::strlen(name), nullptr, 10);
}

const char* library_of_malloc() {
  Dl_info info{};
  void* address = dlsym(RTLD_DEFAULT, "malloc");
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "?";
}

struct Options {
  const char* file = nullptr;
  double speed = 0;
  bool is_counted = false;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--counted") == 0)
      options.is_counted = true;
    else if (std::strcmp(argv[i], "--speed") == 0 && i + 1 < argc)
      options.speed = std::strtod(argv[++i], nullptr);
    else if (options.file == nullptr && argv[i][0] != '-')
      options.file = argv[i];
    else
      options.file = "";
  }
  if (options.file == nullptr || *options.file == '\0') {
    std::fputs(
        "Usage: loam-executor [--speed FACTOR] [--counted] DESCRIPTOR\n"
        "Does what the file open as DESCRIPTOR says on this process's malloc, and prints what it cost.\n\n"
        "  --speed FACTOR  at the recorded times, FACTOR times as fast; 0 (unless given) without waiting\n"
        "  --counted       marks where operations begin and end for whoever traces the process, and looks\n"
        "                  whether blocks keep what was written to them\n\n"
        "`loam replay --allocator` starts it.\n",
        stderr);
    std::exit(kUsage);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  Job job{};
  job.file = static_cast<int>(std::strtol(options.file, nullptr, 10));
  format::OperationHead head{};
  if (pread(job.file, &head, sizeof head, 0) != sizeof head || head.magic != format::kOperationsMagic)
    fail("this is no file of operations");
  job.head = &head;
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t into_page = head.table % kPage;
  const auto* pages = static_cast<const char*>(map_pages(
      into_page + head.chunks * sizeof(format::OperationChunk) + 1, job.file, head.table - into_page));
  job.table = reinterpret_cast<const format::OperationChunk*>(pages + into_page);
  const std::size_t slots = (head.blocks + 1) * sizeof(Slot);
  job.slots = static_cast<Slot*>(map_pages(slots, -1, 0));
  job.speed = options.speed;
  job.is_shared = head.threads > 1;
  job.is_checked = options.is_counted;
  const std::uint64_t tables = slots + head.threads * (kChunkBytes + sizeof(Thread));
  const Tally tally = run_threads(job, options.is_counted);
  const std::uint64_t wall_ns = loam::executor::now_ns() - job.start_ns;
  if (!tally.is_read) fail("the file of operations cannot be read");
  std::printf(
      "cpu_ns=%llu wall_ns=%llu minor=%llu major=%llu failed=%llu broken=%llu tables_kib=%llu peak_kib=%llu "
      "malloc=%s\n",
      static_cast<unsigned long long>(tally.cpu_ns), static_cast<unsigned long long>(wall_ns),
      static_cast<unsigned long long>(tally.minor_faults),
      static_cast<unsigned long long>(tally.major_faults), static_cast<unsigned long long>(tally.failed),
      static_cast<unsigned long long>(tally.broken), static_cast<unsigned long long>(tables / 1024),
      static_cast<unsigned long long>(status_kib("VmHWM:")), library_of_malloc());
  return 0;
}
