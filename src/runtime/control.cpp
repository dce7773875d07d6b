#include "runtime/control.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>

#include "format/control.hpp"
#include "heap/size_class.hpp"
#include "runtime/figures.hpp"
#include "runtime/statistics.hpp"
#include "sys/kernel.hpp"
#include "sys/side_thread.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

namespace {

using format::Answer;
using format::kControlSignal;

// How many requests are answered at once, and how many more are told that others are being served. What exceeds that
// is ignored: whoever may send signals may send many.
constexpr uint64_t kMostServed = 4;
constexpr uint64_t kMostHelpers = 8;

constexpr size_t kStackBytes = size_t{64} << 10;
constexpr size_t kStorageBytes = 8192;

// What a side thread needs, in one mapping of its own: its stack, the memory its thread pointer points to, and this.
struct Helper {
  alignas(16) char stack[kStackBytes];
  alignas(16) char storage[kStorageBytes];
  uint64_t cookie;
  uint64_t begin_ns;               // when the signal came
  std::atomic<uint64_t> pause_ns;  // how long its handler took; 0 until it is done
  bool serves;                     // else it says kBusy
  format::ClassTable classes;
  format::CounterSlot slot;
};

// The helpers of this process: process id in the high half, their number in the low one. In a forked child, where they
// do not exist, the id is another.
constinit std::atomic<uint64_t> helpers{0};

// Returns how many there are with this one, 0 if it is one too many.
uint64_t enlist() {
  const uint64_t mine = uint64_t{sys::process_id()} << 32;
  uint64_t seen = helpers.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t before = (seen & ~uint64_t{UINT32_MAX}) == mine ? seen : mine;
    const uint64_t count = (before & UINT32_MAX) + 1;
    if (count > kMostHelpers) return 0;
    if (helpers.compare_exchange_weak(seen, before + 1, std::memory_order_relaxed)) return count;
  }
}

void dismiss() { helpers.fetch_sub(1, std::memory_order_relaxed); }

// The helper's end of the socket. All calls give up at the deadline.
class Connection {
 public:
  explicit Connection(uint64_t deadline_ns) : deadline_ns_(deadline_ns) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Also makes sure of who is at the other end: root or the user that the process runs as.
  bool open(uint64_t cookie) {
    socket_ = sys::raw_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sys::failed(socket_)) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    char name[format::kControlNameBytes];
    format::control_name(cookie, name);
    for (size_t i = 0; i < sizeof name; ++i) address.sun_path[1 + i] = name[i];
    constexpr long kBytes = offsetof(sockaddr_un, sun_path) + 1 + sizeof name;
    if (sys::failed(sys::raw_call(SYS_connect, socket_, reinterpret_cast<long>(&address), kBytes)))
      return false;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (sys::failed(sys::raw_call(SYS_getsockopt, socket_, SOL_SOCKET, SO_PEERCRED,
                                  reinterpret_cast<long>(&peer), reinterpret_cast<long>(&size))))
      return false;
    return peer.uid == 0 || peer.uid == static_cast<uid_t>(sys::raw_call(SYS_geteuid));
  }

  bool receive(void* to, size_t bytes) {
    return transfer(SYS_recvfrom, POLLIN, static_cast<char*>(to), bytes);
  }
  bool send(const void* from, size_t bytes) {
    return transfer(SYS_sendto, POLLOUT, const_cast<char*>(static_cast<const char*>(from)), bytes);
  }

 private:
  static constexpr long kTryAgain = -11;  // EAGAIN

  bool transfer(long call, short event, char* at, size_t bytes) {
    while (bytes > 0) {
      const long done =
          sys::raw_call(call, socket_, reinterpret_cast<long>(at), static_cast<long>(bytes), MSG_NOSIGNAL);
      if (done == kTryAgain && wait(event)) continue;
      if (done <= 0) return false;
      at += done;
      bytes -= static_cast<size_t>(done);
    }
    return true;
  }

  bool wait(short event) {
    const uint64_t now = sys::monotonic_ns();
    if (now >= deadline_ns_) return false;
    const uint64_t left = deadline_ns_ - now;
    timespec patience{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    pollfd entry{static_cast<int>(socket_), event, 0};
    return sys::raw_call(SYS_ppoll, reinterpret_cast<long>(&entry), 1, reinterpret_cast<long>(&patience)) > 0;
  }

  uint64_t deadline_ns_;
  long socket_ = -1;  // never closed: the descriptor table is the helper's own and goes with it
};

void fill_classes(format::ClassTable& classes) {
  classes.count = heap::kClasses;
  for (unsigned i = 0; i < heap::kClasses; ++i) classes.bytes[i] = heap::kSizeClasses[i].size;
}

// A private copy: the program goes on counting in its own.
void copy_slot(const format::CounterSlot& from, format::CounterSlot& to) {
  static_assert(sizeof from % sizeof(format::Word) == 0);
  const auto* source = reinterpret_cast<const format::Word*>(&from);
  auto* target = reinterpret_cast<format::Word*>(&to);
  for (size_t i = 0; i < sizeof from / sizeof(format::Word); ++i)
    target[i].store(source[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void fill_slot(format::CounterSlot& slot) {
  if (const format::CounterSlot* counted = statistics_slot()) {
    copy_slot(*counted, slot);
  } else {
    describe_process(slot, format::Birth::kUnknown, false);
    write_kernel_calls(slot);
  }
  write_figures(slot);
  write_resident(slot);
  write_usage(slot);
}

uint64_t pause_of(const Helper& helper) {
  const uint64_t pause = helper.pause_ns.load(std::memory_order_acquire);
  return pause != 0 ? pause : sys::monotonic_ns() - helper.begin_ns;
}

Answer judge(const Helper& helper, const format::Request& request) {
  if (request.version != format::kControlVersion || request.ask != format::Ask::kStats)
    return Answer::kUnknownRequest;
  return helper.serves ? Answer::kOk : Answer::kBusy;
}

void serve(Helper& helper) {
  if (!sys::leave_descriptors()) return;
  Connection connection(helper.begin_ns + uint64_t{format::kAnswerMilliseconds} * 1'000'000);
  format::Request request{};
  if (!connection.open(helper.cookie) || !connection.receive(&request, sizeof request)) return;
  if (request.magic != format::kControlMagic || request.cookie != helper.cookie) return;
  const Answer answer = judge(helper, request);
  const uint64_t bytes = answer == Answer::kOk ? format::kStatsPayloadBytes : 0;
  if (bytes != 0) {
    fill_classes(helper.classes);
    fill_slot(helper.slot);
  }
  const format::Reply reply{format::kControlMagic, format::kControlVersion, helper.cookie, answer, 0,
                            sys::process_id(),     pause_of(helper),        bytes};
  if (!connection.send(&reply, sizeof reply) || bytes == 0) return;
  if (connection.send(&helper.classes, sizeof helper.classes))
    connection.send(&helper.slot, sizeof helper.slot);
}

void run_helper(void* argument) {
  auto& helper = *static_cast<Helper*>(argument);
  serve(helper);
  dismiss();
  // The handler writes into this memory last of all, and nothing but a debugger can hold it up.
  while (helper.pause_ns.load(std::memory_order_acquire) == 0) sys::yield();
  sys::leave_side_thread(&helper, sizeof helper);
}

// Not through sys::map: the question must not appear in the figures that answer it.
Helper* make_helper() {
  const long memory =
      sys::raw_call(SYS_mmap, 0, sizeof(Helper), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return sys::failed(memory) ? nullptr : reinterpret_cast<Helper*>(memory);
}

void start_helper(uint64_t cookie) {
  const uint64_t begin = sys::monotonic_ns();
  const uint64_t count = enlist();
  if (count == 0) return;
  Helper* helper = make_helper();  // zeroed, which is what its atomics begin with
  if (helper != nullptr) {
    helper->cookie = cookie;
    helper->begin_ns = begin;
    helper->serves = count <= kMostServed;
    if (sys::start_side_thread(run_helper, helper, helper->stack + kStackBytes,
                               helper->storage + kStorageBytes / 2)) {
      helper->pause_ns.store(sys::monotonic_ns() - begin + 1, std::memory_order_release);
      return;
    }
    sys::raw_call(SYS_munmap, reinterpret_cast<long>(helper), sizeof(Helper));
  }
  dismiss();
}

// A signal that nobody queued with a cookie is not a question. Without us it would have ended the process.
void end_process() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  sigaction(kControlSignal, &standard, nullptr);
  sys::raw_call(SYS_tgkill, sys::process_id(), sys::thread_id(), kControlSignal);
}

void on_signal(int, siginfo_t* info, void*) {
  if (info->si_code == SI_QUEUE)
    start_helper(reinterpret_cast<uint64_t>(info->si_value.sival_ptr));
  else
    end_process();
}

}  // namespace

void prepare_control() {
  struct sigaction before{};
  if (sigaction(kControlSignal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  // On the alternate stack where there is one: the thread's own may be tiny. Every signal is blocked meanwhile, since the
  // side thread starts with the mask of the handler and must run no other.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  __builtin_memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
  sigaction(kControlSignal, &action, nullptr);
}

}  // namespace loam::runtime
