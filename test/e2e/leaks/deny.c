// Runs a program in which the kernel refuses some system calls, as sandboxes do.
//   deny ptrace|copy PROGRAM ARGS...
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBER offsetof(struct seccomp_data, nr)
#define FLAGS offsetof(struct seccomp_data, args)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  struct sock_filter ptrace[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0), ALLOW, REFUSE};
  // A clone without any flag: a copy of the process; threads have flags.
  struct sock_filter copy[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2),
                               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FLAGS),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
                               ALLOW,
                               REFUSE};
  struct sock_fprog program = {sizeof ptrace / sizeof *ptrace, ptrace};
  if (strcmp(argv[1], "copy") == 0) program = (struct sock_fprog){sizeof copy / sizeof *copy, copy};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 3;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 3;
  execvp(argv[2], argv + 2);
  return 4;
}
