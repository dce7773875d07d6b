// What goes through a socket.
#include <sys/socket.h>

#include "interpose/refused.hpp"

namespace {

using loam::interpose::Call;
using loam::interpose::filled;
using loam::interpose::look_at;
using loam::interpose::look_at_message;
using loam::interpose::refused;
using loam::interpose::taken;

using Receive = ssize_t(int, void*, size_t, int, sockaddr*, socklen_t*);
using ReceiveChecked = ssize_t(int, void*, size_t, size_t, int, sockaddr*, socklen_t*);
using Send = ssize_t(int, const void*, size_t, int, const sockaddr*, socklen_t);
LOAM_NEXT Call<ssize_t(int, void*, size_t, int)> next_recv{{"recv"}};
LOAM_NEXT Call<ssize_t(int, void*, size_t, size_t, int)> next_recv_chk{{"__recv_chk"}};
LOAM_NEXT Call<Receive> next_recvfrom{{"recvfrom"}};
LOAM_NEXT Call<ReceiveChecked> next_recvfrom_chk{{"__recvfrom_chk"}};
LOAM_NEXT Call<ssize_t(int, msghdr*, int)> next_recvmsg{{"recvmsg"}};
LOAM_NEXT Call<ssize_t(int, const void*, size_t, int)> next_send{{"send"}};
LOAM_NEXT Call<Send> next_sendto{{"sendto"}};
LOAM_NEXT Call<ssize_t(int, const msghdr*, int)> next_sendmsg{{"sendmsg"}};
LOAM_NEXT Call<int(int, mmsghdr*, unsigned, int, timespec*)> next_recvmmsg{{"recvmmsg"}};
LOAM_NEXT Call<int(int, mmsghdr*, unsigned, int)> next_sendmmsg{{"sendmmsg"}};

}  // namespace

LOAM_INTERPOSED ssize_t recv(int socket, void* buffer, size_t bytes, int flags) {
  return filled(next_recv(socket, buffer, bytes, flags), buffer, bytes);
}

LOAM_INTERPOSED ssize_t __recv_chk(int socket, void* buffer, size_t bytes, size_t room, int flags) {
  return filled(next_recv_chk(socket, buffer, bytes, room, flags), buffer, bytes);
}

LOAM_INTERPOSED ssize_t recvfrom(int socket, void* buffer, size_t bytes, int flags, sockaddr* from,
                                 socklen_t* from_bytes) {
  return filled(next_recvfrom(socket, buffer, bytes, flags, from, from_bytes), buffer, bytes);
}

LOAM_INTERPOSED ssize_t __recvfrom_chk(int socket, void* buffer, size_t bytes, size_t room, int flags,
                                       sockaddr* from, socklen_t* from_bytes) {
  return filled(next_recvfrom_chk(socket, buffer, bytes, room, flags, from, from_bytes), buffer, bytes);
}

LOAM_INTERPOSED ssize_t recvmsg(int socket, msghdr* message, int flags) {
  const ssize_t result = next_recvmsg(socket, message, flags);
  if (refused(result)) [[unlikely]]
    look_at_message(message, true);
  return result;
}

LOAM_INTERPOSED ssize_t send(int socket, const void* buffer, size_t bytes, int flags) {
  return taken(next_send(socket, buffer, bytes, flags), buffer, bytes);
}

LOAM_INTERPOSED ssize_t sendto(int socket, const void* buffer, size_t bytes, int flags, const sockaddr* to,
                               socklen_t to_bytes) {
  const ssize_t result = next_sendto(socket, buffer, bytes, flags, to, to_bytes);
  if (refused(result)) [[unlikely]]
    look_at(to, to_bytes, false);
  return taken(result, buffer, bytes);
}

LOAM_INTERPOSED ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  const ssize_t result = next_sendmsg(socket, message, flags);
  if (refused(result)) [[unlikely]]
    look_at_message(message, false);
  return result;
}

// Refused is the first of several messages; one further on ends the call early, with the count of those before it.
LOAM_INTERPOSED int recvmmsg(int socket, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  const int result = next_recvmmsg(socket, messages, count, flags, timeout);
  if (refused(result) && count > 0) [[unlikely]]
    look_at_message(&messages->msg_hdr, true);
  return result;
}

LOAM_INTERPOSED int sendmmsg(int socket, mmsghdr* messages, unsigned count, int flags) {
  const int result = next_sendmmsg(socket, messages, count, flags);
  if (refused(result) && count > 0) [[unlikely]]
    look_at_message(&messages->msg_hdr, false);
  else if (result > 0 && static_cast<unsigned>(result) < count) [[unlikely]]
    look_at_message(&messages[result].msg_hdr, false);
  return result;
}
