#include "tool/bench/allocators.hpp"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tool/model/failure.hpp"

namespace loam::tool::bench {
namespace {

namespace fs = std::filesystem;

Failure missing(const std::string& message) { return {kExitUsage, message}; }

std::string no_file(const std::string& name, const std::string& path) {
  return std::string("allocator ").append(name).append(": no file \"").append(path).append("\"");
}

struct Peer {
  const char* name;
  const char* soname;
  const char* package;
};

constexpr std::array kPeers{
    Peer{"jemalloc", "libjemalloc.so.2", "libjemalloc2"},
    Peer{"mimalloc", "libmimalloc.so.2", "libmimalloc2.0"},
    Peer{"tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"},
};

// Debian's library directories of the architectures that loam may run on, and those of other distributions.
constexpr std::array kLibraryDirectories{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
                                         "/usr/lib64", "/usr/lib", "/usr/local/lib"};

std::string find_loam() {
  const std::string path = find_beside(
      {"../lib/libloam.so", "../lib/x86_64-linux-gnu/libloam.so", "../lib/aarch64-linux-gnu/libloam.so"});
  if (path.empty()) {
    throw missing("libloam.so is missing: build or install it (looked in ../lib beside " +
                  executable_directory() + ")");
  }
  return path;
}

// The libc that serves this process: the one that every dynamically linked program of the machine gets.
std::string find_glibc() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&gnu_get_libc_version), &info) == 0 || info.dli_fname == nullptr) {
    throw missing("cannot find the path of libc.so.6 (is this executable linked statically?)");
  }
  return fs::canonical(info.dli_fname).string();
}

// Empty if it is not installed.
std::string path_of(const Peer& peer) {
  for (const char* directory : kLibraryDirectories) {
    const fs::path path = fs::path(directory) / peer.soname;
    if (fs::exists(path)) return path.string();
  }
  return {};
}

std::string find_peer(const Peer& peer) {
  const std::string path = path_of(peer);
  if (!path.empty()) return path;
  throw missing(std::string(peer.soname) + " is missing: install the Debian package " + peer.package);
}

Allocator known(const std::string& name) {
  if (name == "loam") return {name, find_loam(), true};
  if (name == "glibc") return {name, find_glibc(), false};
  for (const Peer& peer : kPeers) {
    if (name == peer.name) return {name, find_peer(peer), false};
  }
  throw missing("unknown allocator \"" + name + "\": give its library as " + name + "=PATH");
}

}  // namespace

std::string executable_directory() {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t length = readlink("/proc/self/exe", buffer.data(), buffer.size() - 1);
  if (length <= 0) throw missing("cannot read /proc/self/exe: is /proc mounted?");
  return fs::path(std::string(buffer.data(), static_cast<std::size_t>(length))).parent_path().string();
}

std::string find_beside(const std::vector<std::string>& candidates) {
  const fs::path directory = executable_directory();
  for (const std::string& candidate : candidates) {
    const fs::path path = directory / candidate;
    if (fs::exists(path)) return fs::canonical(path).string();
  }
  return {};
}

std::vector<Allocator> default_allocators() {
  return parse_allocators("loam,glibc,jemalloc,mimalloc,tcmalloc");
}

std::vector<Allocator> installed_peers() {
  std::vector<Allocator> allocators;
  for (const Peer& peer : kPeers) {
    const std::string path = path_of(peer);
    if (!path.empty()) allocators.push_back({peer.name, path, false});
  }
  return allocators;
}

namespace {

std::string name_of(const std::string& library) {
  std::string name = fs::path(library).filename().string();
  if (name.starts_with("lib")) name.erase(0, 3);
  return name.substr(0, name.find(".so"));
}

}  // namespace

std::vector<Allocator> parse_allocators(const std::string& list) {
  std::vector<Allocator> allocators;
  std::stringstream stream(list);
  std::string item;
  while (std::getline(stream, item, ',')) {
    const std::size_t equals = item.find('=');
    const bool is_path = equals == std::string::npos && item.find('/') != std::string::npos;
    const std::string name = is_path ? name_of(item) : item.substr(0, equals);
    if (name.empty()) throw missing("empty name in the list of allocators \"" + list + "\"");
    for (const Allocator& other : allocators) {
      if (other.name == name) throw missing("allocator \"" + name + "\" is named twice");
    }
    if (equals == std::string::npos && !is_path) {
      allocators.push_back(known(name));
      continue;
    }
    const std::string path = is_path ? item : item.substr(equals + 1);
    if (!fs::is_regular_file(path)) throw missing(no_file(name, path));
    allocators.push_back({name, fs::canonical(path).string(), name.starts_with("loam")});
  }
  if (allocators.empty()) throw missing("the list of allocators is empty");
  return allocators;
}

void preload(const Allocator& allocator) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): called in a forked child, which has one thread
  setenv("LD_PRELOAD", allocator.library.c_str(), 1);
}

}  // namespace loam::tool::bench
