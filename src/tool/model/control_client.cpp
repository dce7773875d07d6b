#include "tool/model/control_client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/process.hpp"

namespace loam::tool {
namespace {

using format::Answer;

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Failure refusal(std::uint64_t pid, const std::string& reason) {
  return {kExitFailure, fmt::format("cannot ask process {}: {}", pid, reason)};
}

// Everything that must hold before a signal may be sent. Returns the path of the mapped library.
std::string check_target(std::uint64_t pid) {
  if (!is_alive(pid, 0)) throw refusal(pid, "there is no such process");
  bool readable = false;
  const auto library = mapped_library(pid, "libloam", readable);
  if (!readable) {
    const int error = errno;
    throw refusal(pid,
                  fmt::format("its mappings cannot be read: {} ({})", error_text(error),
                              geteuid() == 0 ? "even by root: this place, a container perhaps, forbids it"
                                             : "run as its user, or as root"));
  }
  if (!library) throw refusal(pid, "it does not run on loam: no libloam.so is mapped");
  const auto same = same_namespace(pid, "net");
  if (!same) throw refusal(pid, "its namespaces cannot be read: permission denied");
  if (!*same) {
    throw refusal(pid, fmt::format("it lives in another network namespace: run loam there "
                                   "(nsenter --target {} --net loam stats {})",
                                   pid, pid));
  }
  const auto signals = signal_state(pid, format::kControlSignal);
  if (!signals) throw refusal(pid, "its state cannot be read");
  if (!signals->caught) {
    throw refusal(
        pid,
        fmt::format("its libloam.so does not listen (signal {} is not caught): too old, or passive there",
                    format::kControlSignal));
  }
  return *library;
}

// The socket to which the helper of the target connects.
class Listener {
 public:
  explicit Listener(std::uint64_t cookie) : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    char name[format::kControlNameBytes];
    format::control_name(cookie, name);
    std::memcpy(address.sun_path + 1, name, sizeof name);
    const socklen_t size = offsetof(sockaddr_un, sun_path) + 1 + sizeof name;
    if (!socket_.valid() || bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(socket_.get(), 4) != 0) {
      throw Failure(kExitFailure, fmt::format("cannot make the control socket: {}", error_text(errno)));
    }
  }

  // The next connection, or an invalid descriptor when time is up.
  Descriptor accept_until(std::int64_t deadline) const {
    if (!wait_for(socket_.get(), deadline)) return {};
    return Descriptor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  static bool wait_for(int fd, std::int64_t deadline) {
    while (true) {
      const std::int64_t left = (deadline - now_ns()) / 1'000'000;
      if (left <= 0) return false;
      pollfd entry{fd, POLLIN, 0};
      const int ready = poll(&entry, 1, static_cast<int>(left));
      if (ready > 0) return true;
      if (ready == 0) return false;
      if (errno != EINTR) return false;
    }
  }

 private:
  Descriptor socket_;
};

bool read_whole(int fd, void* to, std::size_t bytes, std::int64_t deadline) {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    if (!Listener::wait_for(fd, deadline)) return false;
    const ssize_t got = recv(fd, at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

void send_signal(std::uint64_t pid, int process, std::uint64_t cookie) {
  siginfo_t info{};
  info.si_signo = format::kControlSignal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(cookie);
  if (syscall(SYS_pidfd_send_signal, process, format::kControlSignal, &info, 0) != 0) {
    throw refusal(pid, fmt::format("the signal cannot be sent: {}", error_text(errno)));
  }
}

// Does the peer run as a user of the target, by the kernel's word? The cookie is secret, this is the second lock.
bool same_user(int fd, std::uint64_t pid) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  if (!status) return false;
  const std::size_t at = status->find("\nUid:");
  if (at == std::string::npos) return false;
  const std::string line = status->substr(at + 6, status->find('\n', at + 1) - at - 6);
  for (const std::string& uid : split(line, '\t')) {
    if (to_number(uid) == peer.uid) return true;
  }
  return false;
}

const char* answer_text(Answer answer) {
  switch (answer) {
    case Answer::kOk:
      return "ok";
    case Answer::kUnknownRequest:
      return "its libloam.so does not know this question: it is older than the tool";
    case Answer::kBusy:
      return "another question is being answered: try again";
    case Answer::kNoMemory:
      return "it has no memory left to answer";
    case Answer::kRefused:
      return "it does not do that now";
  }
  return "unknown answer";
}

// The dialogue on one connection. False: the peer broke off or is somebody else; a later connection may be the one.
bool converse(int fd, std::uint64_t pid, std::uint64_t cookie, const Question& question, Reply& out) {
  if (!same_user(fd, pid)) return false;
  const format::Request request{format::kControlMagic, format::kControlVersion, cookie, question.ask, 0};
  if (send(fd, &request, sizeof request, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof request)) return false;
  const format::ChainSubject subject{question.subject, question.by_site ? 1u : 0u};
  const bool chain = question.ask == format::Ask::kChain;
  if (chain && send(fd, &subject, sizeof subject, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof subject))
    return false;
  const std::int64_t deadline = now_ns() + std::int64_t{question.milliseconds} * 1'000'000;
  format::Reply& reply = out.head;
  if (!read_whole(fd, &reply, sizeof reply, deadline)) return false;
  if (reply.magic != format::kControlMagic || reply.cookie != cookie) return false;
  if (reply.version != format::kControlVersion) {
    throw refusal(pid,
                  fmt::format("its libloam.so speaks version {} of the control channel, this tool version {}",
                              reply.version, format::kControlVersion));
  }
  if (reply.answer != Answer::kOk && reply.answer != Answer::kRefused)
    throw refusal(pid, answer_text(reply.answer));
  if (reply.bytes > question.most_bytes) {
    throw refusal(pid, fmt::format("its answer has {} bytes, at most {} are expected", reply.bytes,
                                   question.most_bytes));
  }
  out.payload.resize(reply.bytes);
  return read_whole(fd, out.payload.data(), out.payload.size(), deadline);
}

std::string why_no_answer(std::uint64_t pid, std::uint64_t ticks) {
  if (!is_alive(pid, ticks)) return "it ended meanwhile";
  const auto signals = signal_state(pid, format::kControlSignal);
  if (signals && signals->blocked) {
    return fmt::format("no answer in {} s: its main thread blocks signal {}",
                       format::kAnswerMilliseconds / 1000, format::kControlSignal);
  }
  return fmt::format("no answer in {} s (is it stopped?)", format::kAnswerMilliseconds / 1000);
}

}  // namespace

Reply ask_process(std::uint64_t pid, const Question& question) {
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!process.valid()) {
    throw refusal(pid, errno == ESRCH || errno == EINVAL ? "there is no such process" : error_text(errno));
  }
  const std::uint64_t ticks = start_ticks(pid).value_or(0);
  Reply out;
  out.library = check_target(pid);
  std::uint64_t cookie = 0;
  if (getrandom(&cookie, sizeof cookie, 0) != static_cast<ssize_t>(sizeof cookie)) {
    throw Failure(kExitFailure, fmt::format("getrandom: {}", error_text(errno)));
  }
  const Listener listener(cookie);
  const std::int64_t start = now_ns();
  const std::int64_t deadline = start + std::int64_t{format::kAnswerMilliseconds} * 1'000'000;
  send_signal(pid, process.get(), cookie);
  while (true) {
    const Descriptor connection = listener.accept_until(deadline);
    if (!connection.valid()) throw refusal(pid, why_no_answer(pid, ticks));
    if (converse(connection.get(), pid, cookie, question, out)) break;
  }
  out.round_trip_ns = static_cast<std::uint64_t>(now_ns() - start);
  return out;
}

Snapshot ask_stats(std::uint64_t pid) {
  const Reply reply =
      ask_process(pid, {format::Ask::kStats, format::kAnswerMilliseconds, format::kStatsPayloadBytes});
  if (reply.payload.size() != format::kStatsPayloadBytes) {
    throw refusal(pid, fmt::format("its answer has {} bytes instead of {}", reply.payload.size(),
                                   format::kStatsPayloadBytes));
  }
  format::ClassTable classes{};
  std::memcpy(&classes, reply.payload.data(), sizeof classes);
  Snapshot out;
  out.slot = std::make_shared<format::CounterSlot>();
  // Its words are atomic only for who shares the slot with the process; this copy is nobody else's.
  std::copy_n(reply.payload.data() + sizeof classes, sizeof(format::CounterSlot),
              reinterpret_cast<char*>(out.slot.get()));
  out.slot->executable[format::kNameBytes - 1] = '\0';
  const std::size_t count = std::min<std::size_t>(classes.count, format::kMaxClasses);
  out.class_bytes.assign(classes.bytes, classes.bytes + count);
  out.library = reply.library;
  out.pid = reply.head.pid;
  out.pause_ns = reply.head.pause_ns;
  out.round_trip_ns = reply.round_trip_ns;
  return out;
}

}  // namespace loam::tool
