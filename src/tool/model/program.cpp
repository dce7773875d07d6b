#include "tool/model/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "tool/model/elf.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr int kMaxScripts = 5;  // the kernel follows at most that many `#!` lines

struct Allocator {
  std::string_view prefix;
  std::string_view name;
};
constexpr std::array kKnownAllocators = {
    Allocator{"libjemalloc", "jemalloc"}, Allocator{"libtcmalloc", "tcmalloc"},
    Allocator{"libmimalloc", "mimalloc"}, Allocator{"libtbbmalloc", "TBB malloc"},
    Allocator{"libhoard", "Hoard"},       Allocator{"librpmalloc", "rpmalloc"},
    Allocator{"libsnmalloc", "snmalloc"}, Allocator{"libhardened_malloc", "hardened_malloc"},
};

// Their runtimes serve malloc themselves and end, or crash, where another comes before them.
constexpr std::array kSanitizers = {
    Allocator{"libasan", "AddressSanitizer"},
    Allocator{"libhwasan", "HWAddressSanitizer"},
    Allocator{"libtsan", "ThreadSanitizer"},
};

bool is_directory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void check_executable(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) {
    const int status_code = errno == ENOENT || errno == ENOTDIR ? kExitNotFound : kExitNotExecutable;
    throw Failure(status_code, fmt::format("cannot run '{}': {}", path, error_text(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    throw Failure(kExitNotExecutable, fmt::format("cannot run '{}': it is a directory", path));
  }
  if (access(path.c_str(), X_OK) != 0) {
    throw Failure(kExitNotExecutable, fmt::format("cannot run '{}': {}", path, error_text(errno)));
  }
}

// The program that a `#!` line names, or empty. `env NAME` means NAME by PATH.
std::string script_interpreter(const std::string& path) {
  const auto head = read_file(path, 1);
  if (!head || head->size() < 2) return {};
  if (head->starts_with("\177ELF")) {
    throw Failure(kExitNotExecutable, fmt::format("cannot run '{}': it is a damaged ELF file", path));
  }
  // What execvp does with a file that the kernel does not know.
  if (!head->starts_with("#!")) return "/bin/sh";
  std::string_view line = std::string_view(*head).substr(2);
  line = trim(line.substr(0, line.find('\n')));
  std::string interpreter(line.substr(0, line.find_first_of(" \t")));
  if (!interpreter.ends_with("/env") || line.size() == interpreter.size()) return interpreter;
  for (const std::string& word : split(trim(line.substr(interpreter.size())), ' ')) {
    if (word.empty() || word.starts_with('-') || word.find('=') != std::string::npos) continue;
    return find_program(word);
  }
  return interpreter;
}

// The loader ignores LD_PRELOAD in programs that gain rights when they start.
void refuse_privileged(const std::string& path) {
  struct stat status{};
  struct statvfs mount{};
  if (stat(path.c_str(), &status) != 0) return;
  const bool ignored = statvfs(path.c_str(), &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0;
  if (ignored) return;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) {
    throw Failure(
        kExitRefused,
        fmt::format("cannot serve '{}': it is setuid (to user {}), and such programs ignore LD_PRELOAD", path,
                    status.st_uid));
  }
  if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 && status.st_gid != getgid()) {
    throw Failure(
        kExitRefused,
        fmt::format("cannot serve '{}': it is setgid (to group {}), and such programs ignore LD_PRELOAD",
                    path, status.st_gid));
  }
  if (getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    throw Failure(
        kExitRefused,
        fmt::format("cannot serve '{}': it has file capabilities, and such programs ignore LD_PRELOAD",
                    path));
  }
}

void refuse_unfit(const std::string& path, const ElfFacts& facts) {
  const auto own = read_elf("/proc/self/exe");
  if (own && !same_architecture(*own, facts)) {
    throw Failure(kExitRefused, fmt::format("cannot serve '{}': it is a {} program, loam is {}", path,
                                            architecture(facts), architecture(*own)));
  }
  if (!facts.has_interpreter) {
    throw Failure(
        kExitRefused,
        fmt::format("cannot serve '{}': it is statically linked, so no library can be preloaded into it; "
                    "link it with libloam.a instead",
                    path));
  }
  if (!facts.exported_malloc.empty()) {
    throw Failure(
        kExitRefused,
        fmt::format("cannot serve '{}': the executable itself defines {}, which comes before any preloaded "
                    "library",
                    path, fmt::join(facts.exported_malloc, ", ")));
  }
  for (const std::string& library : facts.needed) {
    for (const Allocator& known : kSanitizers) {
      if (!library.starts_with(known.prefix)) continue;
      throw Failure(kExitRefused,
                    fmt::format("cannot serve '{}': it is built with {} ({}), which suffers no other malloc; "
                                "loam wants the build without -fsanitize",
                                path, known.name, library));
    }
  }
}

void collect_warnings(const ElfFacts& facts, Program& program) {
  for (const std::string& library : facts.needed) {
    for (const Allocator& known : kKnownAllocators) {
      if (!library.starts_with(known.prefix)) continue;
      program.warnings.push_back(fmt::format(
          "'{}' links {} ({}): loam comes first for malloc and free; calls to its own interface stay with it",
          program.image, known.name, library));
    }
  }
  if (!facts.private_malloc.empty()) {
    program.warnings.push_back(
        fmt::format("'{}' contains an allocator of its own ({}): what it allocates there is not seen",
                    program.image, fmt::join(facts.private_malloc, ", ")));
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.empty()) throw Failure(kExitNotFound, "cannot run '': empty program name");
  if (name.find('/') != std::string::npos) {
    check_executable(name);
    return name;
  }
  const char* path = environment("PATH");
  std::string blocked;
  for (const std::string& folder : split(path == nullptr ? "/bin:/usr/bin" : path, ':')) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (access(candidate.c_str(), F_OK) != 0 || is_directory(candidate)) continue;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    blocked = candidate;
  }
  if (!blocked.empty()) check_executable(blocked);
  throw Failure(kExitNotFound, fmt::format("cannot run '{}': no such program in PATH", name));
}

Program resolve_program(const std::string& name) {
  Program program;
  program.path = find_program(name);
  program.image = program.path;
  for (int depth = 0; depth <= kMaxScripts; ++depth) {
    const auto facts = read_elf(program.image);
    if (facts) {
      refuse_privileged(program.image);
      refuse_unfit(program.image, *facts);
      collect_warnings(*facts, program);
      return program;
    }
    if (access(program.image.c_str(), R_OK) != 0) {
      throw Failure(kExitRefused,
                    fmt::format("cannot read '{}', so it is unknown whether loam can serve it: {}",
                                program.image, error_text(errno)));
    }
    const std::string next = script_interpreter(program.image);
    if (next.empty()) {
      throw Failure(kExitNotExecutable, fmt::format("cannot run '{}': it is empty", program.image));
    }
    try {
      check_executable(next);
    } catch (const Failure& failure) {
      throw Failure(kExitNotExecutable, fmt::format("'{}' is a script whose interpreter does not run: {}",
                                                    program.image, failure.what()));
    }
    program.image = next;
  }
  throw Failure(kExitNotExecutable,
                fmt::format("cannot run '{}': too many scripts interpret one another", name));
}

std::string find_library(const std::string& given) {
  namespace fs = std::filesystem;
  std::vector<std::string> tried;
  auto usable = [&](const fs::path& path) {
    tried.push_back(path.lexically_normal().string());
    std::error_code error;
    return fs::is_regular_file(path, error);
  };
  std::string found;
  if (!given.empty()) {
    if (usable(given)) found = fs::absolute(given).lexically_normal().string();
  } else {
    const fs::path beside = fs::path(read_link("/proc/self/exe")).parent_path();
    std::vector<fs::path> folders = {beside / "../lib", beside / "../lib64"};
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(beside / "../lib", error)) {
      if (entry.path().filename().string().find("-linux-") != std::string::npos)
        folders.push_back(entry.path());
    }
    for (const fs::path& folder : folders) {
      for (const char* name : {"libloam.so", "libloam.so.0"}) {
        if (found.empty() && usable(folder / name)) found = (folder / name).lexically_normal().string();
      }
    }
  }
  if (found.empty())
    throw Failure(kExitRefused, fmt::format("cannot find libloam.so: tried {}", fmt::join(tried, ", ")));
  if (found.find_first_of(" :") != std::string::npos) {
    throw Failure(
        kExitRefused,
        fmt::format("cannot preload '{}': LD_PRELOAD has no way to name a path with a space or a colon",
                    found));
  }
  return found;
}

std::string before_preloaded(const std::string& libraries) {
  const char* before = environment("LD_PRELOAD");
  return before == nullptr || before[0] == '\0' ? libraries : libraries + ":" + before;
}

}  // namespace loam::tool
