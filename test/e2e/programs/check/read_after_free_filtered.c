/* expect: use-after-free */
#include "tiny.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* From now on ioctl and userfaultfd end the process, as in a sandbox that knows what its program calls. */
static void filter_calls(void) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof steps / sizeof steps[0], steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(2);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) _exit(2);
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* kept = malloc(40);
  int* block = malloc(40); /* @allocation */
  kept[2] = block[3] = 4;
  free(block); /* @free */
  filter_calls();
  for (int i = 0; i < 3000; ++i) {
    int* other = malloc(40);
    if (other == NULL || other == block || kept[2] != 4) _exit(3);
    other[1] = i;
    free(other);
  }
  if (defect) sink = ((volatile int*)hidden(block))[3]; /* @access */
  free(kept);
  return 0;
}
