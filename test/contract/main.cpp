// Runs the table of contract cases, each in a child of its own, and prints one line a case.
// Usage: contract --on loam|glibc [--only TEXT] [--quiet]
// Exit status: 0 every case as promised, 1 some are not, 2 usage.
#include <dlfcn.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "contract.hpp"

namespace loam::contract {

void Check::expect(bool held, const char* format, ...) {
  if (held) return;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (!text_.empty()) text_ += "; ";
  if (text_.size() < 2000) text_ += line;
}

namespace {

struct Outcome {
  bool passed = false;
  std::string text;
};

// A case that crashes or hangs says so through the status of its child.
Outcome run_apart(const Case& one) {
  int channel[2];
  if (pipe(channel) != 0) return {false, "no pipe"};
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    close(channel[0]);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(60);
    Check check;
    one.run(check);
    const std::string& text = check.text();
    if (write(channel[1], text.data(), text.size()) < 0) _exit(3);
    _exit(check.failed() ? 1 : 0);
  }
  close(channel[1]);
  Outcome outcome;
  char piece[4096];
  ssize_t got;
  while ((got = read(channel[0], piece, sizeof piece)) > 0)
    outcome.text.append(piece, static_cast<std::size_t>(got));
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    outcome.text += std::string("ended by ") + strsignal(WTERMSIG(status));
  } else if (WEXITSTATUS(status) > 1) {
    outcome.text += "ended with status " + std::to_string(WEXITSTATUS(status));
  }
  outcome.passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return outcome;
}

struct Tally {
  unsigned passed = 0, differs = 0, failed = 0;
};

void judge(const Case& one, bool on_glibc, bool quiet, Tally& tally) {
  const Outcome outcome = run_apart(one);
  const bool may_differ = on_glibc && !one.glibc_differs.empty();
  const char* verdict = "ok";
  std::string text = outcome.text;
  if (may_differ && !outcome.passed) {
    verdict = "differs";
    text = one.glibc_differs + " (" + outcome.text + ")";
    ++tally.differs;
  } else if (may_differ) {
    // A mark that no longer applies hides nothing, but it is wrong: say so.
    verdict = "FAIL";
    text = "marked 'glibc differs', and it does not: " + one.glibc_differs;
    ++tally.failed;
  } else if (outcome.passed) {
    ++tally.passed;
  } else {
    verdict = "FAIL";
    ++tally.failed;
  }
  if (quiet && std::strcmp(verdict, "ok") == 0) return;
  std::printf("%-8s %s: %s%s%s\n", verdict, one.symbol.c_str(), one.name.c_str(), text.empty() ? "" : ": ",
              text.c_str());
}

int usage() {
  std::fprintf(stderr, "usage: contract --on loam|glibc [--only TEXT] [--quiet]\n");
  return 2;
}

// Whether the malloc that this process uses is the one that the caller wants to judge.
bool right_library(bool on_glibc) {
  Dl_info info{};
  if (dladdr(symbol("malloc"), &info) == 0 || info.dli_fname == nullptr) return false;
  const bool is_loam = std::strstr(info.dli_fname, "libloam") != nullptr;
  std::printf("malloc comes from %s\n", info.dli_fname);
  return is_loam != on_glibc;
}

}  // namespace
}  // namespace loam::contract

int main(int count, char** words) {
  using namespace loam::contract;
  const char* on = nullptr;
  const char* only = "";
  bool quiet = false;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--on") == 0 && i + 1 < count) {
      on = words[++i];
    } else if (std::strcmp(words[i], "--only") == 0 && i + 1 < count) {
      only = words[++i];
    } else if (std::strcmp(words[i], "--quiet") == 0) {
      quiet = true;
    } else {
      return usage();
    }
  }
  if (on == nullptr || (std::strcmp(on, "loam") != 0 && std::strcmp(on, "glibc") != 0)) return usage();
  const bool on_glibc = std::strcmp(on, "glibc") == 0;
  if (!right_library(on_glibc)) {
    std::fprintf(stderr, "contract: this process does not run on %s's malloc\n", on);
    return 1;
  }
  Table table;
  add_ownership_cases(table);
  add_allocation_cases(table);
  add_alignment_cases(table);
  add_resize_cases(table);
  add_release_cases(table);
  add_operator_cases(table);
  add_limit_cases(table);
  add_report_cases(table);
  Tally tally;
  for (const Case& one : table) {
    if ((one.symbol + ": " + one.name).find(only) == std::string::npos) continue;
    judge(one, on_glibc, quiet, tally);
  }
  std::printf("%u cases hold, %u differ as marked, %u fail\n", tally.passed, tally.differs, tally.failed);
  return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}
