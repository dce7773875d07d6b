/* expect: use-after-free */
#include "tiny.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

/* A program that lives with bad accesses of its own: its handler must be called for them, with the signal blocked as it asked,
   and must not be called less because somebody else looks at them too. */
static sigjmp_buf back;
static volatile int handled;
static volatile int wrong;

static void on_fault(int signal, siginfo_t* info, void* context) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  if (!sigismember(&mask, SIGSEGV) || !sigismember(&mask, SIGUSR1)) wrong = 1;
  if (info->si_addr == NULL || context == NULL) wrong = 1;
  ++handled;
  siglongjmp(back, signal);
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  struct sigaction action = {0};
  struct sigaction old;
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaddset(&action.sa_mask, SIGUSR1);
  if (sigaction(SIGSEGV, &action, &old) != 0 || old.sa_handler != SIG_DFL) return 3;
  if (sigaction(SIGSEGV, NULL, &old) != 0 || old.sa_sigaction != on_fault) return 4;
  volatile char* page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 20; ++i) {
    if (sigsetjmp(back, 1) == 0) sink = page[i];
  }
  char* block = malloc(40); /* @allocation */
  free(block);              /* @free */
  if (defect && sigsetjmp(back, 1) == 0) {
    sink = *(volatile char*)hidden(block); /* @access */
  }
  return handled == 20 + defect && !wrong ? 0 : 5;
}
