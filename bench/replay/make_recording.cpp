// Writes a recording that no program made, of any size: what replay's speed and memory are measured with.
//
//   make-recording FILE [--events N] [--live N] [--sizes small|lognormal] [--deaths young|random] [--seed N]
//
// First as many blocks are allocated as are to live, then each free is followed by an allocation. `small`: 16 to 512 bytes, most of
// them small, as programs in C++ and Python ask; `lognormal`: median 64 bytes, sigma 1.5. `young`: nine of ten blocks that die are
// among the last thousand allocated; `random`: any. Addresses are handed out as malloc does: what a size's free list has, last first.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "tool/model/failure.hpp"
#include "tool/model/recording_writer.hpp"

namespace {

using loam::tool::RecordedEvent;

struct Options {
  std::string file;
  std::uint64_t events = 10'000'000;
  std::uint64_t live = 1'000'000;
  bool lognormal = false;
  bool random_deaths = false;
  std::uint64_t seed = 1;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--events")
      options.events = std::strtoull(value.c_str(), nullptr, 10);
    else if (word == "--live")
      options.live = std::strtoull(value.c_str(), nullptr, 10);
    else if (word == "--sizes" && (value == "small" || value == "lognormal"))
      options.lognormal = value == "lognormal";
    else if (word == "--deaths" && (value == "young" || value == "random"))
      options.random_deaths = value == "random";
    else if (word == "--seed")
      options.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (!word.starts_with("-") && options.file.empty()) {
      options.file = word;
      continue;
    } else {
      options.file.clear();
      break;
    }
    ++i;
  }
  if (options.file.empty() || options.live == 0 || options.events == 0) {
    std::fputs(
        "Usage: make-recording FILE [--events N] [--live N] [--sizes small|lognormal] [--deaths "
        "young|random]\n"
        "                      [--seed N]\n",
        stderr);
    std::exit(2);
  }
  return options;
}

class Maker {
 public:
  explicit Maker(const Options& options)
      : options_(options), engine_(options.seed), writer_(options.file, R"({"program":["synthetic"]})") {}

  void make() {
    for (std::uint64_t i = 0; i < options_.events; ++i) {
      if (live_.size() < options_.live)
        allocate();
      else
        release();
    }
    writer_.finish(R"({"ending":"exit status 0"})");
    std::printf("%s: %llu events, %llu bytes\n", options_.file.c_str(),
                static_cast<unsigned long long>(writer_.events()),
                static_cast<unsigned long long>(writer_.bytes()));
  }

 private:
  struct Block {
    std::uint64_t address;
    std::uint64_t size;
  };

  std::uint64_t size() {
    if (options_.lognormal)
      return static_cast<std::uint64_t>(std::min(1e6, std::exp(std::log(64.0) + 1.5 * normal_(engine_)))) + 1;
    const std::uint64_t limit = std::uint64_t{32} << engine_() % 5;
    return 16 + engine_() % limit;
  }
  void allocate() {
    const std::uint64_t bytes = size();
    std::vector<std::uint64_t>& unused = free_[bytes / 16];
    std::uint64_t address = 0;
    if (unused.empty()) {
      address = end_;
      end_ += (bytes / 16 + 1) * 16;
    } else {
      address = unused.back();
      unused.pop_back();
    }
    live_.push_back({address, bytes});
    RecordedEvent event;
    event.time = time_ += 100;
    event.address = address;
    event.size = bytes;
    event.thread = 1;
    writer_.add(event);
  }
  void release() {
    constexpr std::uint64_t kYoung = 1000;
    const std::uint64_t count = live_.size();
    const bool young = !options_.random_deaths && engine_() % 10 != 0 && count > kYoung;
    const std::uint64_t at = young ? count - 1 - engine_() % kYoung : engine_() % count;
    RecordedEvent event;
    event.time = time_ += 100;
    event.address = live_[at].address;
    event.thread = 1;
    event.is_free = true;
    writer_.add(event);
    free_[live_[at].size / 16].push_back(live_[at].address);
    live_[at] = live_.back();
    live_.pop_back();
  }

  const Options& options_;
  std::mt19937_64 engine_;
  std::normal_distribution<double> normal_;
  loam::tool::RecordingWriter writer_;
  std::vector<Block> live_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> free_;
  std::uint64_t end_ = std::uint64_t{1} << 32;
  std::uint64_t time_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  try {
    Maker(options).make();
  } catch (const loam::tool::Failure& failure) {
    std::fprintf(stderr, "make-recording: %s\n", failure.what());
    return failure.status();
  }
  return 0;
}
