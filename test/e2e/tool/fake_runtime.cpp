// A library that behaves towards the tool as libloam.so does, with figures that a test can predict: it claims a slot
// of the counter file, fills it in, and answers the control channel. It serves no malloc.
// Environment: FAKE_CONTROL = silent | busy | version | short | garbage: how to misbehave on the control channel.

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>

#include "format/control.hpp"
#include "format/counters.hpp"
#include "options/parse.hpp"

namespace {

using namespace loam::format;

loam::options::Values g_options;
CounterSlot* g_slot = nullptr;
alignas(CounterSlot) char g_own[sizeof(CounterSlot)];

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t start_ticks() {
  char text[1024] = {};
  std::FILE* file = std::fopen("/proc/self/stat", "re");
  if (file == nullptr) return 0;
  [[maybe_unused]] const std::size_t got = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) at = std::strchr(at + 1, ' ');
  return at == nullptr ? 0 : std::strtoull(at, nullptr, 10);
}

void fill_calls(CounterSlot& slot) {
  for (int i = 0; i < 100; ++i) slot.count_symbol(Symbol::kMalloc);
  for (int i = 0; i < 60; ++i) slot.count_symbol(Symbol::kFree);
  slot.add(Counter::kRequestedBytes, 1000);
  slot.add(Counter::kUsableBytes, 1600);
  slot.set(Counter::kLiveBlocks, 40);
  slot.set(Counter::kLiveRequested, 400);
  slot.set(Counter::kLiveUsable, 640);
  slot.set(Counter::kPaddingLive, 240);
  slot.raise(Counter::kPeakRequested, 500);
  slot.add(Counter::kForeignFrees, 1);
  slot.classes.allocations[0].store(70);
  slot.classes.allocations[1].store(30);
  slot.count_level(Level::kStack);
  slot.count_kernel(KernelCall::kMmap, 2000, 65536, false);
  slot.count_kernel(KernelCall::kMmap, 3000, 65536, true);
  slot.make_known(Group::kCalls);
  slot.make_known(Group::kKernel);
}

void fill_walk(CounterSlot& slot) {
  slot.set(Counter::kWalkBlocks, 40);
  slot.set(Counter::kMetadataBytes, 4096);
  slot.set(Counter::kFreeInSpanBytes, 2000);
  slot.set(Counter::kDirtyCacheBytes, 8192);
  slot.classes.live_blocks[0].store(40);
  slot.make_known(Group::kWalk);
  slot.set(Counter::kRss, 100000);
  slot.set(Counter::kRssLive, 60000);
  slot.set(Counter::kRssForeign, 39000);
  slot.make_known(Group::kResident);
  slot.set(Counter::kUserNs, 10'000'000);
  slot.set(Counter::kMinorFaults, 100);
  slot.make_known(Group::kUsage);
}

void start_slot(Birth birth) {
  const int file = open(g_options.stats_path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* head = mmap(nullptr, kHeaderBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (head == MAP_FAILED) return;
  auto& header = *static_cast<CounterHeader*>(head);
  const std::uint32_t classes[] = {16, 32};
  header.set_classes(classes, 2);
  const std::uint64_t index = claim(header, static_cast<std::uint64_t>(getpid()));
  munmap(head, kHeaderBytes);
  g_slot = nullptr;
  if (index != kNoSlot) {
    void* at = mmap(nullptr, kSlotBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file,
                    static_cast<off_t>(slot_offset(index)));
    if (at != MAP_FAILED) g_slot = static_cast<CounterSlot*>(at);
  }
  close(file);
  if (g_slot == nullptr) return;
  char path[4096] = {};
  [[maybe_unused]] const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  begin(*g_slot, {static_cast<std::uint64_t>(getpid()), static_cast<std::uint64_t>(getppid()), start_ticks(),
                  now_ns(), birth, static_cast<std::uint64_t>(g_options.source), true, path});
  fill_calls(*g_slot);
}

void forked() { start_slot(Birth::kForked); }

void answer(std::uint64_t cookie) {
  const char* way = std::getenv("FAKE_CONTROL");
  if (way != nullptr && std::strcmp(way, "silent") == 0) return;
  if (way != nullptr && std::strcmp(way, "ends") == 0) {
    usleep(200'000);  // so that it is being waited for
    _exit(0);
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  char name[kControlNameBytes];
  control_name(cookie, name);
  std::memcpy(address.sun_path + 1, name, sizeof name);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), offsetof(sockaddr_un, sun_path) + 1 + sizeof name) !=
      0) {
    close(fd);
    return;
  }
  Request request{};
  [[maybe_unused]] const ssize_t got = recv(fd, &request, sizeof request, MSG_WAITALL);
  Reply reply{
      kControlMagic, kControlVersion,   request.cookie, Answer::kOk, 0, static_cast<std::uint64_t>(getpid()),
      1500,          kStatsPayloadBytes};
  if (way != nullptr && std::strcmp(way, "busy") == 0) reply.answer = Answer::kBusy;
  if (way != nullptr && std::strcmp(way, "version") == 0) reply.version = 99;
  if (way != nullptr && std::strcmp(way, "short") == 0) reply.bytes = 12;
  if (way != nullptr && std::strcmp(way, "garbage") == 0) std::memset(&reply, 'x', sizeof reply);
  send(fd, &reply, sizeof reply, MSG_NOSIGNAL);
  ClassTable classes{2, {16, 32}};
  send(fd, &classes, sizeof classes, MSG_NOSIGNAL);
  send(fd, g_own, sizeof g_own, MSG_NOSIGNAL);
  close(fd);
}

void on_signal(int, siginfo_t* info, void*) {
  answer(reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr));
}

[[gnu::constructor]] void start() {
  loam::options::parse(std::getenv("LOAM_OPTIONS"), g_options);
  auto* own = new (g_own) CounterSlot{};
  begin(*own, {static_cast<std::uint64_t>(getpid()), 1, start_ticks(), now_ns(), Birth::kStarted, 0, true,
               "/fake"});
  fill_walk(*own);
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(kControlSignal, &action, nullptr);
  if (g_options.stats_path[0] == '\0') return;
  pthread_atfork(nullptr, nullptr, forked);
  start_slot(Birth::kStarted);
}

[[gnu::destructor]] void finish() {
  if (g_slot == nullptr) return;
  fill_walk(*g_slot);
  end(*g_slot, now_ns());
}

}  // namespace
