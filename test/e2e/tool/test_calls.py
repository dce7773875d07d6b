"""`loam check` in front of the calls that pass memory to the kernel: they answer what they would without it, can be cancelled, and what
they get of the program's own nonsense is the program's business."""
import json
import os
import pathlib
import stat
import subprocess
import tempfile
import unittest

import support
from support import loam

SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char* gone;  /* a page that was the program's own */
static int ends[2];
static void tell(const char* what, long result) { printf("%s %ld %d\n", what, result, result < 0 ? errno : 0); }

static void bad_pointers(void) {
  struct iovec one = {gone, 10};
  struct msghdr message = {.msg_iov = (struct iovec*)gone, .msg_iovlen = 3};
  tell("write", write(ends[1], gone, 10));
  tell("writev", writev(ends[1], &one, 1));
  tell("writev of", writev(ends[1], (struct iovec*)gone, 2));
  tell("open", open(gone, O_RDONLY));
  tell("openat", openat(AT_FDCWD, gone, O_RDONLY));
  tell("stat", stat(gone, (struct stat*)gone));
  tell("stat into", stat("/", (struct stat*)gone));
  tell("fstat", fstat(0, (struct stat*)gone));
  tell("access", access(gone, R_OK));
  tell("poll", poll((struct pollfd*)gone, 1, 0));
  int sockets[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
  tell("sendmsg", sendmsg(sockets[0], &message, 0));
  tell("sendmsg of", sendmsg(sockets[0], (struct msghdr*)gone, 0));
  struct mmsghdr several[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  tell("sendmmsg", sendmmsg(sockets[0], several, 2, 0));
  tell("sendmmsg of", sendmmsg(sockets[0], (struct mmsghdr*)gone, 2, 0));
  tell("sendmmsg none", sendmmsg(sockets[0], (struct mmsghdr*)gone, 0, 0));
  tell("send", send(sockets[0], gone, 10, 0));
  send(sockets[0], "hello", 5, 0);
  tell("recv", recv(sockets[1], gone, 5, 0));
  send(sockets[0], "hello", 5, 0);
  tell("recvmmsg", recvmmsg(sockets[1], several, 2, MSG_DONTWAIT, NULL));
  tell("recvmmsg of", recvmmsg(sockets[1], (struct mmsghdr*)gone, 2, MSG_DONTWAIT, NULL));
  tell("write of nothing", write(ends[1], gone, 0));
}

static void files(const char* name) {
  umask(0);
  int made = open(name, O_CREAT | O_WRONLY, 0640);
  tell("made", made >= 0);
  tell("write", write(made, "abc", 3));
  tell("pwrite", pwrite(made, "d", 1, 3));
  tell("none", open("/nowhere/at/all", O_RDONLY));
  char text[8];
  int again = openat(AT_FDCWD, name, O_RDONLY);
  tell("pread", pread(again, text, 2, 2));
  tell("read", read(again, text, sizeof text));
  tell("temporary", open(".", O_TMPFILE | O_RDWR, 0600) >= 0 || errno == EOPNOTSUPP || errno == EISDIR);
}

static void* waits(void* unused) { char byte; for (;;) read(ends[0], &byte, 1); return unused; }
static void cancelled(void) {
  pthread_t thread;
  void* result;
  pthread_create(&thread, NULL, waits, NULL);
  usleep(20000);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  tell("cancelled", result == PTHREAD_CANCELED);
}

static void on_fault(int signal) { write(1, "own handler\n", 12); _exit(signal); }
static void handled(void) {
  signal(SIGSEGV, on_fault);
  char* block = malloc(40);
  free(block);
  tell("write", write(ends[1], block, 40));
}

/* A stream passes a large buffer on. */
static void stream(void) {
  FILE* file = fdopen(ends[1], "w");
  char* block = malloc(100000);
  free(block);
  tell("fwrite", (long)fwrite(block, 1, 100000, file));
}

/* Two messages in one call: the first is sent, the second lies in a block that was freed. */
static void messages(void) {
  int sockets[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets);
  char* kept = malloc(50000);
  char* freed = malloc(50000);
  struct iovec parts[2] = {{kept, 100}, {freed, 20000}};
  struct mmsghdr both[2] = {{.msg_hdr = {.msg_iov = &parts[0], .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = &parts[1], .msg_iovlen = 1}}};
  free(freed);
  tell("sendmmsg", sendmmsg(sockets[0], both, 2, 0));
  free(kept);
  parts[0].iov_base = kept;
  tell("recvmmsg", recvmmsg(sockets[1], both, 1, MSG_DONTWAIT, NULL));
}

int main(int count, char** words) {
  gone = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(gone, 8192);
  if (pipe(ends) != 0 || count < 2) return 1;
  if (strcmp(words[1], "bad") == 0) bad_pointers();
  if (strcmp(words[1], "files") == 0) files(words[2]);
  if (strcmp(words[1], "cancelled") == 0) cancelled();
  if (strcmp(words[1], "handled") == 0) handled();
  if (strcmp(words[1], "stream") == 0) stream();
  if (strcmp(words[1], "messages") == 0) messages();
  return 0;
}
"""


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        source = pathlib.Path(cls.folder.name) / "calls.c"
        source.write_text(SOURCE)
        cls.program = str(source.with_suffix(""))
        subprocess.run(["cc", "-g", "-O0", "-fno-builtin", "-w", "-pthread", str(source), "-o", cls.program], check=True)

    def both(self, *words):
        """What the program prints alone, and the finished check of it."""
        alone = subprocess.run([self.program, *words], env=support.plain_environment(), text=True, capture_output=True,
                               cwd=self.folder.name, timeout=60, check=False)
        return alone.stdout, self.check(*words)

    def check(self, *words, options=()):
        return loam("check", "--format", "json", *options, "--", self.program, *words, cwd=self.folder.name)

    def findings(self, done):
        return json.loads(done.stderr[done.stderr.index("{"):])["findings"]

    def test_bad_pointers_of_the_program_itself(self):
        alone, checked = self.both("bad")
        self.assertEqual(checked.stdout, alone)
        self.assertIn("write -1 14\n", checked.stdout)
        self.assertEqual(self.findings(checked), [])

    def test_files_are_made_with_their_mode(self):
        told = []
        for run in (0, 1):
            name = os.path.join(self.folder.name, f"made{run}")
            told.append(self.both("files", name)[run])
            self.assertEqual(stat.S_IMODE(os.stat(name).st_mode), 0o640)
        self.assertEqual(told[0], told[1].stdout)
        self.assertEqual(self.findings(told[1]), [])

    def test_a_thread_can_be_cancelled_in_a_call(self):
        alone, checked = self.both("cancelled")
        self.assertEqual((alone, checked.stdout, checked.returncode), ("cancelled 1 0\n", "cancelled 1 0\n", 0))

    def test_the_programs_own_handler_is_called(self):
        checked = self.check("handled")
        self.assertEqual(checked.stdout, "own handler\n")
        self.assertEqual([finding["kind"] for finding in self.findings(checked)], ["use-after-free"])

    def test_goes_on_with_the_same_answer(self):
        checked = self.check("handled", options=("--keep-going",))
        self.assertEqual(checked.stdout, "write -1 14\n")
        finding, = self.findings(checked)
        self.assertEqual([frame["function"] for frame in finding["stacks"][0]["frames"]][:3], ["write", "handled", "main"])

    def test_several_messages_at_once(self):
        checked = self.check("messages", options=("--keep-going",))
        found = [(finding["kind"], finding["stacks"][0]["frames"][0]["function"]) for finding in self.findings(checked)]
        self.assertEqual(found, [("use-after-free", "sendmmsg"), ("use-after-free", "recvmmsg")])

    def test_streams(self):
        finding, = self.findings(self.check("stream"))
        self.assertEqual(finding["kind"], "use-after-free")
        self.assertEqual([frame["function"] for frame in finding["stacks"][0]["frames"]][:2], ["fwrite", "stream"])


if __name__ == "__main__":
    support.main()
