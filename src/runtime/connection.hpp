// The runtime's end of the control channel's socket (format/control.hpp), by bare system calls.
// Locking: none, one side thread has one.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

#include "format/control.hpp"
#include "sys/kernel.hpp"
#include "sys/syscall.hpp"

namespace loam::runtime {

// The helper's end of the socket. All calls give up at the deadline.
class Connection {
 public:
  explicit Connection(uint64_t deadline_ns) : deadline_ns_(deadline_ns) {}
  void set_deadline(uint64_t deadline_ns) { deadline_ns_ = deadline_ns; }
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

}  // namespace loam::runtime
