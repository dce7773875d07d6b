// What the kernel and the limits of this place allow: the facts of `loam doctor`. Features are tried, not guessed from
// the kernel's version: a container or a security policy may forbid what the version has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace loam::tool {

struct Feature {
  std::string name;
  bool available = false;
  std::string detail;  // how it was found, or why it is missing
};

struct Limit {
  std::string name;
  std::optional<std::uint64_t> value;  // nothing: no limit, or not known
  std::string text;                    // for people: "65530", "unlimited", "not readable"
  std::string meaning;
};

struct Verdict {
  enum class Kind { kCan, kLimited, kCannot };
  Kind kind;
  std::string text;
};

struct Host {
  std::string kernel;
  std::string machine;
  std::uint64_t page_bytes = 0;
  std::uint64_t memory_bytes = 0;
  unsigned processors = 0;
  std::string thp_mode;  // the word in brackets of .../transparent_hugepage/enabled
  std::string thp_defrag;
  std::vector<Feature> features;
  std::vector<Limit> limits;
  std::vector<Verdict> verdicts;

  const Feature* feature(const std::string& name) const;
  const Limit* limit(const std::string& name) const;
};

// Probes leave nothing behind: what they map, open or register is undone at once.
Host examine_host();

// Filled in by examine_host, each in a file of its own.
std::vector<Feature> probe_features();
std::vector<Limit> read_limits();

}  // namespace loam::tool
