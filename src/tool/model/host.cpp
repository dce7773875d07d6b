#include "tool/model/host.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr const char* kThpFolder = "/sys/kernel/mm/transparent_hugepage/";
// The kernel writes its page counter's maximum for "no limit" in version 1 of cgroups.
constexpr std::uint64_t kNoCgroupLimit = std::uint64_t{1} << 62;

// The word in brackets, as in "always [madvise] never".
std::string chosen_word(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return "not readable";
  const std::size_t start = text->find('[');
  const std::size_t end = text->find(']');
  if (start == std::string::npos || end == std::string::npos || end < start) return std::string(trim(*text));
  return text->substr(start + 1, end - start - 1);
}

Limit from_file(const std::string& name, const std::string& path, const std::string& meaning) {
  Limit limit{name, std::nullopt, "not readable", meaning};
  const auto text = read_file(path);
  if (!text) {
    limit.text = fmt::format("not readable: {}", error_text(errno));
    return limit;
  }
  limit.value = to_number(*text);
  limit.text = std::string(trim(*text));
  if (limit.value && *limit.value >= kNoCgroupLimit) limit.value.reset();
  if (!limit.value) limit.text = limit.text == "max" || limit.text.size() > 17 ? "unlimited" : limit.text;
  return limit;
}

Limit from_rlimit(const std::string& name, __rlimit_resource resource, const std::string& meaning) {
  Limit limit{name, std::nullopt, "unlimited", meaning};
  rlimit value{};
  if (getrlimit(resource, &value) != 0) {
    limit.text = fmt::format("not readable: {}", error_text(errno));
  } else if (value.rlim_cur != RLIM_INFINITY) {
    limit.value = value.rlim_cur;
    limit.text = fmt::format("{}", value.rlim_cur);
  }
  return limit;
}

struct Cgroup {
  std::string limit_file;
  std::string current_file;
};

// The folder of this process's memory cgroup as it is mounted here. In a container the path that /proc names may
// not exist below the mount: then the mount's root is the container's own group.
Cgroup memory_cgroup() {
  const auto groups = read_file("/proc/self/cgroup").value_or("");
  for (const std::string& line : split(groups, '\n')) {
    const std::vector<std::string> parts = split(line, ':');
    if (parts.size() < 3) continue;
    const std::vector<std::string> controllers = split(parts[1], ',');
    if (std::ranges::find(controllers, "memory") != controllers.end()) {
      for (const std::string& folder :
           {"/sys/fs/cgroup/memory" + parts[2], std::string("/sys/fs/cgroup/memory")}) {
        if (access((folder + "/memory.limit_in_bytes").c_str(), R_OK) == 0) {
          return {folder + "/memory.limit_in_bytes", folder + "/memory.usage_in_bytes"};
        }
      }
    }
    if (parts[0] == "0") {
      for (const std::string& folder : {"/sys/fs/cgroup" + parts[2], std::string("/sys/fs/cgroup")}) {
        if (access((folder + "/memory.max").c_str(), R_OK) == 0) {
          return {folder + "/memory.max", folder + "/memory.current"};
        }
      }
    }
  }
  return {};
}

Limit shared_memory_room() {
  Limit limit{"dev_shm_free", std::nullopt, "no /dev/shm", "room for counter files"};
  struct statvfs status{};
  if (statvfs("/dev/shm", &status) == 0) {
    limit.value = std::uint64_t{status.f_bavail} * status.f_frsize;
    limit.text = fmt::format("{}", *limit.value);
  }
  return limit;
}

void judge_limits(const Host& host, std::vector<Verdict>& out) {
  using Kind = Verdict::Kind;
  const Limit* space = host.limit("RLIMIT_AS");
  if (space != nullptr && space->value) {
    out.push_back(
        {Kind::kLimited, fmt::format("address space is limited to {} bytes: allocations beyond it end in "
                                     "NULL and ENOMEM",
                                     *space->value)});
  }
  const Limit* overcommit = host.limit("overcommit_memory");
  if (overcommit != nullptr && overcommit->value == 2) {
    out.push_back({Kind::kLimited, "strict overcommit: the kernel charges address space when it is mapped"});
  }
  const Limit* group = host.limit("cgroup_memory_limit");
  const Limit* used = host.limit("cgroup_memory_current");
  if (group != nullptr && group->value && used != nullptr && used->value) {
    out.push_back(
        {Kind::kLimited, fmt::format("the cgroup has {} bytes left of its memory limit",
                                     *group->value > *used->value ? *group->value - *used->value : 0)});
  }
}

std::vector<Verdict> judge(const Host& host) {
  using Kind = Verdict::Kind;
  std::vector<Verdict> out;
  out.push_back({Kind::kCan, "serve dynamically linked programs of this architecture by preload (loam run)"});
  out.push_back(
      {Kind::kCannot, "serve static, setuid or setgid programs, or ones that define malloc themselves"});
  const auto have = [&](const char* name) {
    const Feature* feature = host.feature(name);
    return feature != nullptr && feature->available;
  };
  if (!have("MADV_HUGEPAGE") || host.thp_mode == "never") {
    out.push_back(
        {Kind::kCannot, fmt::format("use huge pages: transparent huge pages are '{}' here", host.thp_mode)});
  } else if (host.thp_mode == "always") {
    out.push_back(
        {Kind::kLimited, "huge pages are 'always' here: the kernel also gives them where loam does not ask"});
  } else {
    out.push_back({Kind::kCan, "use huge pages where they pay (on advice)"});
  }
  if (have("pidfd_open") && have("abstract Unix socket")) {
    out.push_back({Kind::kCan, "ask running programs of the same network namespace (loam stats)"});
  } else {
    out.push_back({Kind::kCannot, "ask running programs: pidfd_open or abstract sockets are missing"});
  }
  if (!have("perf_event_open(cycles)")) {
    out.push_back({Kind::kLimited, "no hardware counters: costs are measured in CPU time"});
  }
  judge_limits(host, out);
  return out;
}

}  // namespace

std::vector<Limit> read_limits() {
  std::vector<Limit> limits = {
      from_file("max_map_count", "/proc/sys/vm/max_map_count", "mappings a process may have"),
      from_file("overcommit_memory", "/proc/sys/vm/overcommit_memory", "0 heuristic, 1 always, 2 strict"),
      from_file("overcommit_ratio", "/proc/sys/vm/overcommit_ratio", "percent of RAM, counts if strict"),
      from_file("randomize_va_space", "/proc/sys/kernel/randomize_va_space",
                "2: the break is randomized too"),
      from_rlimit("RLIMIT_AS", RLIMIT_AS, "bytes of address space"),
      from_rlimit("RLIMIT_DATA", RLIMIT_DATA, "bytes of break and private memory"),
      from_rlimit("RLIMIT_STACK", RLIMIT_STACK, "bytes of the main stack"),
      from_rlimit("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, "bytes of locked memory"),
  };
  const Cgroup group = memory_cgroup();
  if (group.limit_file.empty()) {
    limits.push_back({"cgroup_memory_limit", std::nullopt, "no memory cgroup", "bytes this group may use"});
  } else {
    limits.push_back(from_file("cgroup_memory_limit", group.limit_file, "bytes this group may use"));
    limits.push_back(from_file("cgroup_memory_current", group.current_file, "bytes it uses now"));
  }
  limits.push_back(shared_memory_room());
  return limits;
}

const Feature* Host::feature(const std::string& name) const {
  const auto at = std::ranges::find(features, name, &Feature::name);
  return at == features.end() ? nullptr : &*at;
}

const Limit* Host::limit(const std::string& name) const {
  const auto at = std::ranges::find(limits, name, &Limit::name);
  return at == limits.end() ? nullptr : &*at;
}

Host examine_host() {
  Host host;
  utsname name{};
  if (uname(&name) == 0) {
    host.kernel = fmt::format("{} {}", name.sysname, name.release);
    host.machine = name.machine;
  }
  host.page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  host.memory_bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * host.page_bytes;
  host.processors = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
  host.thp_mode = chosen_word(std::string(kThpFolder) + "enabled");
  host.thp_defrag = chosen_word(std::string(kThpFolder) + "defrag");
  host.features = probe_features();
  host.limits = read_limits();
  host.verdicts = judge(host);
  return host;
}

}  // namespace loam::tool
