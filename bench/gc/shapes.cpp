// Shapes of collected heaps, on whichever library stands behind bdwgc's interface: run.py runs them on libloam-gc.so and on libgc.
//   shapes trees DEPTH             binary trees, as in the benchmarks game; 16-byte nodes
//   shapes mark-order|mark-random MEGABYTES   a live heap linked in order of allocation or in random order; the best of four full collections
//   shapes ring MEGABYTES          so much live, and messages of four nodes that come and go: the longest operation
//   shapes ring-malloc MEGABYTES   its twin with malloc and free, which tells what the machine itself holds up
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

extern "C" {
void GC_init(void);
void* GC_malloc(std::size_t);
void* GC_malloc_uncollectable(std::size_t);
void GC_gcollect(void);
void GC_start_mark_threads(void);
}

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double processor_milliseconds() { return static_cast<double>(std::clock()) * 1000 / CLOCKS_PER_SEC; }

struct Random {
  uint64_t state = 88172645463325252u;
  uint64_t below(uint64_t bound) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(state * 0x2545f4914f6cdd1du) * bound >> 64);
  }
};

struct Tree {
  Tree* left;
  Tree* right;
};

Tree* make_tree(int depth) {
  auto* tree = static_cast<Tree*>(GC_malloc(sizeof(Tree)));
  if (depth > 0) {
    tree->left = make_tree(depth - 1);
    tree->right = make_tree(depth - 1);
  }
  return tree;
}

int64_t count(const Tree* tree) {
  return tree->left == nullptr ? 1 : 1 + count(tree->left) + count(tree->right);
}

void trees(int depth) {
  int64_t sum = count(make_tree(depth + 1));
  Tree* const long_lived = make_tree(depth);
  for (int d = 4; d <= depth; d += 4) {
    for (int i = 1 << (depth - d + 4); i > 0; --i) sum += count(make_tree(d));
  }
  std::printf("nodes %lld\n", static_cast<long long>(sum + count(long_lived)));
}

struct Node {
  Node* to[4];
  uint64_t numbers[2];
};

// Each node is led to by one other; which one is the given order's doing.
void mark(uint64_t megabytes, bool shuffled) {
  const uint64_t number = (megabytes << 20) / sizeof(Node);
  auto** nodes = static_cast<Node**>(GC_malloc_uncollectable(number * sizeof(Node*)));
  for (uint64_t i = 0; i < number; ++i) nodes[i] = static_cast<Node*>(GC_malloc(sizeof(Node)));
  Random random;
  for (uint64_t i = number; shuffled && i > 2; --i) std::swap(nodes[i - 1], nodes[1 + random.below(i - 1)]);
  for (uint64_t i = 1; i < number; ++i) nodes[(i - 1) / 4]->to[(i - 1) % 4] = nodes[i];
  std::fill(nodes + 1, nodes + number, nullptr);
  double best = 1e9;
  double processor = 1e9;
  for (int i = 0; i < 4; ++i) {
    const auto begin = Clock::now();
    const double used = processor_milliseconds();
    GC_gcollect();
    processor = std::min(processor, processor_milliseconds() - used);
    best = std::min(best, milliseconds(begin));
  }
  std::printf("collection %.1f ms, on all processors together %.1f ms, for %llu objects\n", best, processor,
              static_cast<unsigned long long>(number));
}

void* collected(std::size_t bytes) { return GC_malloc(bytes); }
void* cleared(std::size_t bytes) { return std::calloc(1, bytes); }

// What goes is freed where nobody collects.
void drop(Node* message) {
  while (message != nullptr) {
    Node* const next = message->to[0];
    std::free(message);
    message = next;
  }
}

template <void* (*allocate)(std::size_t)>
void ring(uint64_t megabytes) {
  constexpr uint64_t kRing = 200000;
  const uint64_t number = (megabytes << 20) / sizeof(Node);
  Node* live = nullptr;
  for (uint64_t i = 0; i < number; ++i) {
    auto* node = static_cast<Node*>(allocate(sizeof(Node)));
    node->to[i % 4] = live;
    live = node;
  }
  auto** slots = static_cast<Node**>(GC_malloc_uncollectable((kRing + 1) * sizeof(Node*)));
  slots[kRing] = live;
  std::vector<double> times;
  times.reserve(2000000);
  for (uint64_t i = 0; i < 2000000; ++i) {
    const auto begin = Clock::now();
    Node* message = nullptr;
    for (int j = 0; j < 4; ++j) {
      auto* node = static_cast<Node*>(allocate(sizeof(Node)));
      node->to[0] = message;
      message = node;
    }
    if constexpr (allocate == cleared) drop(slots[i % kRing]);
    slots[i % kRing] = message;
    times.push_back(milliseconds(begin));
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(static_cast<double>(times.size() - 1) * part)];
  };
  std::printf("operation median %.0f ns, 99.9 %% %.1f us, longest %.2f ms\n", at(0.5) * 1e6, at(0.999) * 1e3,
              at(1));
}

}  // namespace

int main(int argc, char** argv) {
  GC_init();
  if (std::getenv("SHAPES_TWO_MARKERS") != nullptr) GC_start_mark_threads();
  if (argc != 3) return 2;
  const auto size = static_cast<uint64_t>(std::atoll(argv[2]));
  const auto begin = Clock::now();
  if (std::strcmp(argv[1], "trees") == 0)
    trees(static_cast<int>(size));
  else if (std::strcmp(argv[1], "ring") == 0)
    ring<collected>(size);
  else if (std::strcmp(argv[1], "ring-malloc") == 0)
    ring<cleared>(size);
  else
    mark(size, std::strcmp(argv[1], "mark-random") == 0);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  std::printf("wall %.2f s, processor %.2f s, peak %ld MiB\n", milliseconds(begin) / 1000,
              seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss / 1024);
  return 0;
}
