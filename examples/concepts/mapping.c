/* Mappings: addresses that cost nothing until they are touched, go back page by page from anywhere, and may show a file.
   gcc -g mapping.c -o mapping */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t kPage = 4096;
static const size_t kGiB = (size_t)1 << 30;

/* Of the pages from `start`, how many are in memory. */
static int resident(char* start, size_t bytes) {
  static unsigned char is_there[1 << 18];
  int count = 0;
  mincore(start, bytes, is_there);
  for (size_t i = 0; i < bytes / kPage; ++i) count += is_there[i] & 1;
  return count;
}

static void show_pages(void) {
  char* memory = mmap(NULL, kGiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  madvise(memory, kGiB, MADV_NOHUGEPAGE); /* else the kernel may bring 512 pages for one */
  printf("1 GiB mapped: %d pages in memory\n", resident(memory, kGiB));
  for (int i = 0; i < 3; ++i) memory[i * (kGiB / 3)] = 1;
  printf("three bytes written: %d pages\n", resident(memory, kGiB));
  madvise(memory + kGiB / 3 / kPage * kPage, kPage, MADV_DONTNEED);
  printf("the second of them given back: %d pages", resident(memory, kGiB));
  printf(", and its byte reads %d\n", memory[kGiB / 3]);
  munmap(memory, kGiB);
}

static void show_file(void) {
  char text[8] = "";
  int file = open("mapped.txt", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (write(file, "hello\n", 6) != 6) return;
  char* memory = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memory[0] = 'j';
  if (pread(file, text, 6, 0) == 6) printf("a file, written to in memory: %s", text);
  munmap(memory, 6);
  close(file);
  unlink("mapped.txt");
}

int main(void) {
  show_pages();
  show_file();
  return 0;
}
