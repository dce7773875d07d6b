// Waiting for descriptors: the kernel writes into the program's table.
#include <poll.h>
#include <sys/epoll.h>

#include "interpose/refused.hpp"

namespace {

using loam::interpose::Call;
using loam::interpose::look_at;
using loam::interpose::refused;

LOAM_NEXT Call<int(pollfd*, nfds_t, int)> next_poll{{"poll"}};
LOAM_NEXT Call<int(pollfd*, nfds_t, const timespec*, const sigset_t*)> next_ppoll{{"ppoll"}};
LOAM_NEXT Call<int(int, epoll_event*, int, int)> next_epoll_wait{{"epoll_wait"}};
LOAM_NEXT Call<int(int, epoll_event*, int, int, const sigset_t*)> next_epoll_pwait{{"epoll_pwait"}};

template <class Row>
int told(int result, const Row* rows, size_t count) {
  if (refused(result)) [[unlikely]]
    look_at(rows, count * sizeof *rows, true);
  return result;
}

}  // namespace

LOAM_INTERPOSED int poll(pollfd* rows, nfds_t count, int timeout) {
  return told(next_poll(rows, count, timeout), rows, count);
}

LOAM_INTERPOSED int ppoll(pollfd* rows, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  return told(next_ppoll(rows, count, timeout, mask), rows, count);
}

LOAM_INTERPOSED int epoll_wait(int file, epoll_event* rows, int count, int timeout) {
  return told(next_epoll_wait(file, rows, count, timeout), rows, static_cast<size_t>(count));
}

LOAM_INTERPOSED int epoll_pwait(int file, epoll_event* rows, int count, int timeout, const sigset_t* mask) {
  return told(next_epoll_pwait(file, rows, count, timeout, mask), rows, static_cast<size_t>(count));
}
