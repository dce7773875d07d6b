// Programs that the program executes: the report says which of them could not be watched.
#include <spawn.h>
#include <stdarg.h>
#include <unistd.h>

#include "interpose/refused.hpp"

namespace {

using loam::interpose::Call;

using Spawn = int(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                  char* const*, char* const*);
LOAM_NEXT Call<int(const char*, char* const*, char* const*)> next_execve{{"execve"}};
LOAM_NEXT Call<int(const char*, char* const*)> next_execv{{"execv"}};
LOAM_NEXT Call<int(const char*, char* const*)> next_execvp{{"execvp"}};
LOAM_NEXT Call<int(const char*, char* const*, char* const*)> next_execvpe{{"execvpe"}};
LOAM_NEXT Call<Spawn> next_spawn{{"posix_spawn"}};
LOAM_NEXT Call<Spawn> next_spawnp{{"posix_spawnp"}};

const char* noted(const char* path) {
  const int kept = errno;
  if (loam_check_executes != nullptr) loam_check_executes(path);
  errno = kept;
  return path;
}

// How many words a call like execl() has, with the null that ends them.
size_t count_words(const char* first, va_list more) {
  size_t count = 1;
  for (const char* word = first; word != nullptr; word = va_arg(more, const char*)) ++count;
  return count;
}

void fill_words(const char* first, va_list more, char** words, size_t count) {
  words[0] = const_cast<char*>(first);
  for (size_t i = 1; i < count; ++i) words[i] = va_arg(more, char*);
}

}  // namespace

LOAM_INTERPOSED int execve(const char* path, char* const* words, char* const* environment) noexcept {
  return next_execve(noted(path), words, environment);
}

LOAM_INTERPOSED int execv(const char* path, char* const* words) noexcept {
  return next_execv(noted(path), words);
}

LOAM_INTERPOSED int execvp(const char* file, char* const* words) noexcept {
  return next_execvp(noted(file), words);
}

LOAM_INTERPOSED int execvpe(const char* file, char* const* words, char* const* environment) noexcept {
  return next_execvpe(noted(file), words, environment);
}

LOAM_INTERPOSED int posix_spawn(pid_t* child, const char* path, const posix_spawn_file_actions_t* actions,
                                const posix_spawnattr_t* attributes, char* const* words,
                                char* const* environment) {
  return next_spawn(child, noted(path), actions, attributes, words, environment);
}

LOAM_INTERPOSED int posix_spawnp(pid_t* child, const char* file, const posix_spawn_file_actions_t* actions,
                                 const posix_spawnattr_t* attributes, char* const* words,
                                 char* const* environment) {
  return next_spawnp(child, noted(file), actions, attributes, words, environment);
}

LOAM_INTERPOSED int execl(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const size_t count = count_words(first, list);
  va_end(list);
  auto** words = static_cast<char**>(__builtin_alloca(count * sizeof(char*)));
  va_start(list, first);
  fill_words(first, list, words, count);
  va_end(list);
  return next_execv(noted(path), words);
}

LOAM_INTERPOSED int execlp(const char* file, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const size_t count = count_words(first, list);
  va_end(list);
  auto** words = static_cast<char**>(__builtin_alloca(count * sizeof(char*)));
  va_start(list, first);
  fill_words(first, list, words, count);
  va_end(list);
  return next_execvp(noted(file), words);
}

LOAM_INTERPOSED int execle(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  const size_t count = count_words(first, list);
  va_end(list);
  auto** words = static_cast<char**>(__builtin_alloca(count * sizeof(char*)));
  va_start(list, first);
  fill_words(first, list, words, count);
  char* const* environment = va_arg(list, char* const*);
  va_end(list);
  return next_execve(noted(path), words, environment);
}
