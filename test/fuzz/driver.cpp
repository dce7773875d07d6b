// Runs a fuzz target without libFuzzer: mutates the seeds at random for a number of seconds. The seed of the random
// numbers is printed, and a failing input is kept in a file, so that a failure can be repeated:
//   fuzz-TARGET --seconds 60 --seed 7        fuzz-TARGET FILE

#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>

#include "target.hpp"

namespace {

std::string g_input;

// Not async-signal-safe, but the process is about to die and the input may be worth more than a clean death.
void keep_input(int signal) {
  std::FILE* file = std::fopen("fuzz-failure.bin", "wb");
  if (file != nullptr) {
    std::fwrite(g_input.data(), 1, g_input.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "input kept in fuzz-failure.bin (%zu bytes)\n", g_input.size());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed), seeds_(fuzz_seeds()) {}

  std::string next() {
    std::string text = pick();
    for (std::size_t step = below(8); step > 0; --step) mutate(text);
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& pick() { return seeds_[below(seeds_.size())]; }

  void mutate(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    switch (below(7)) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(random_()));
        break;
      case 2:
        text.insert(at, pick().substr(0, below(64)));
        break;
      case 3:
        text.erase(at, below(16));
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 5:
        overwrite(text, at);
        break;
      default:
        text.append(pick());
    }
  }

  // Numbers at which bounds checks go wrong.
  void overwrite(std::string& text, std::size_t at) {
    constexpr std::uint64_t kEdges[] = {
        0, 1, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff, 64, 4096};
    const std::uint64_t edge = kEdges[below(8)] + below(3) - 1;
    const std::size_t width = std::size_t{1} << below(4);
    if (at + width <= text.size()) std::memcpy(text.data() + at, &edge, width);
  }

  std::mt19937_64 random_;
  std::vector<std::string> seeds_;
};

void run(const std::string& input) {
  g_input = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  long seconds = 2;
  std::uint64_t seed = std::random_device{}();
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
      seconds = std::atol(argv[++i]);
    } else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::ifstream file(argv[i], std::ios::binary);
      if (!file) {
        std::fprintf(stderr, "cannot read %s\n", argv[i]);
        return 2;
      }
      run(std::string(std::istreambuf_iterator<char>(file), {}));
      return 0;
    }
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, keep_input);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  for (const std::string& input : fuzz_seeds()) run(input);
  Mutator mutator(seed);
  std::uint64_t runs = 0;
  const std::time_t end = std::time(nullptr) + seconds;
  do {
    for (int i = 0; i < 50; ++i, ++runs) run(mutator.next());
  } while (std::time(nullptr) < end);
  std::printf("%llu inputs, no failure\n", static_cast<unsigned long long>(runs));
  return 0;
}
