/* expect: use-after-free */
#include <sys/socket.h>
#include <sys/uio.h>

#include "tiny.h"

/* The second part of a message. */
int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) return 1;
  char head[8] = "head";
  char* body = malloc(64); /* @allocation */
  memset(body, 'x', 64);
  struct iovec parts[2] = {{head, sizeof head}, {hidden(body), 64}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (defect) free(body);                    /* @free */
  sink = (int)sendmsg(ends[0], &message, 0); /* @access */
  if (!defect) free(body);
  return 0;
}
