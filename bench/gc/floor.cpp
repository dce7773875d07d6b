// What no marker can go below on this machine: the loads and stores of marking a heap of nodes of 48 bytes linked at random, with everything
// known beforehand. Four ways, each on one thread and on two, each thread with half of the nodes: processor time, the least of some rounds.
//   at random   for each node in random order: its bit, the node itself, both asked for some nodes ahead
//   sorted      first all bits in random order, then the nodes in order of their addresses
//   bucketed    first the nodes' numbers into buckets by 2 MiB of addresses, then bucket by bucket the bits, then the nodes in order
//   as found   the same buckets and bits, then the nodes in the order in which they are found: of a tree whose nodes have four children each, the
//              2 MiB in turn, of each all nodes that are known by then, by address. No marker that has to find the nodes can read them
//              in a better one without knowing what it has not read yet
// Usage: gc-floor MEGABYTES [ROUNDS]
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr uint64_t kNodeBytes = 48;
constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kAhead = 16;

uint64_t number_of_nodes;
char* nodes;
std::vector<uint64_t> bits;
std::vector<uint32_t> order;
std::vector<uint32_t> found;
std::atomic<uint64_t> sink;

void* map(uint64_t bytes) {
  char* start = static_cast<char*>(
      mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (start == MAP_FAILED) std::exit(1);
  start += kHugePage - reinterpret_cast<uint64_t>(start) % kHugePage;
  madvise(start, bytes, MADV_HUGEPAGE);
  return start;
}

uint64_t read_node(uint64_t number) {
  const auto* words = reinterpret_cast<const uint64_t*>(nodes + number * kNodeBytes);
  return words[0] + words[1] + words[2] + words[3] + words[4] + words[5];
}

void clear_bit(uint64_t number, bool shared) {
  uint64_t& word = bits[number / 64];
  const uint64_t bit = uint64_t{1} << (number % 64);
  if (shared)
    __atomic_fetch_and(&word, ~bit, __ATOMIC_RELAXED);
  else
    word &= ~bit;
}

void at_random(uint64_t first, uint64_t end, bool shared) {
  uint64_t sum = 0;
  for (uint64_t i = first; i < end; ++i) {
    const uint64_t next = order[std::min(i + kAhead, number_of_nodes - 1)];
    __builtin_prefetch(&bits[next / 64], 1);
    __builtin_prefetch(nodes + next * kNodeBytes);
    __builtin_prefetch(nodes + next * kNodeBytes + kNodeBytes - 1);
    clear_bit(order[i], shared);
    sum += read_node(order[i]);
  }
  sink += sum;
}

void read_in_order(uint64_t first, uint64_t end) {
  uint64_t sum = 0;
  for (uint64_t i = first; i < end; ++i) sum += read_node(i);
  sink += sum;
}

void sorted(uint64_t first, uint64_t end, bool shared) {
  for (uint64_t i = first; i < end; ++i) {
    __builtin_prefetch(&bits[order[std::min(i + kAhead, number_of_nodes - 1)] / 64], 1);
    clear_bit(order[i], shared);
  }
  read_in_order(first, end);
}

// Children of the i-th node are those from 4i + 1 on.
void find_all() {
  std::vector<uint32_t> place(number_of_nodes);
  for (uint32_t i = 0; i < number_of_nodes; ++i) place[order[i]] = i;
  std::vector<std::vector<uint32_t>> waiting(number_of_nodes * kNodeBytes / kHugePage + 1);
  const auto wait = [&](uint64_t i) {
    if (i < number_of_nodes) waiting[order[i] * kNodeBytes / kHugePage].push_back(order[i]);
  };
  wait(0);
  while (found.size() < number_of_nodes) {
    for (auto& some : waiting) {
      std::vector<uint32_t> now;
      now.swap(some);
      std::sort(now.begin(), now.end());
      found.insert(found.end(), now.begin(), now.end());
      for (const uint32_t node : now) {
        for (uint64_t child = 1; child <= 4; ++child) wait(4 * uint64_t{place[node]} + child);
      }
    }
  }
}

// Each thread has buckets of its own; what two threads clear of one word at once may be lost, which costs the same.
void fill_buckets(uint64_t first, uint64_t end) {
  constexpr uint64_t kRoom = 512;
  const uint64_t count = number_of_nodes * kNodeBytes / kHugePage + 1;
  static thread_local std::vector<uint32_t> entries;
  static thread_local std::vector<uint32_t> filled;
  entries.resize(count * kRoom);
  filled.assign(count, 0);
  const auto empty = [&](uint64_t bucket) {
    for (uint32_t j = 0; j < filled[bucket]; ++j) clear_bit(entries[bucket * kRoom + j], false);
    filled[bucket] = 0;
  };
  for (uint64_t i = first; i < end; ++i) {
    const uint64_t bucket = order[i] * kNodeBytes / kHugePage;
    entries[bucket * kRoom + filled[bucket]] = order[i];
    if (++filled[bucket] == kRoom) empty(bucket);
  }
  for (uint64_t bucket = 0; bucket < count; ++bucket) empty(bucket);
}

void bucketed(uint64_t first, uint64_t end, bool) {
  fill_buckets(first, end);
  read_in_order(first, end);
}

void as_found(uint64_t first, uint64_t end, bool) {
  fill_buckets(first, end);
  uint64_t sum = 0;
  for (uint64_t i = first; i < end; ++i) {
    const char* next = nodes + found[std::min(i + kAhead, number_of_nodes - 1)] * kNodeBytes;
    __builtin_prefetch(next);
    __builtin_prefetch(next + kNodeBytes - 1);
    sum += read_node(found[i]);
  }
  sink += sum;
}

using Way = void (*)(uint64_t first, uint64_t end, bool shared);

double processor_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Of the thread that takes longer, which is what a machine with nothing else to do shows by the clock.
double round_ms(Way way, bool two) {
  std::fill(bits.begin(), bits.end(), ~uint64_t{0});
  const uint64_t middle = two ? number_of_nodes / 2 : number_of_nodes;
  double by_other = 0;
  std::thread other;
  if (two) {
    other = std::thread([&] {
      const double begin = processor_ms();
      way(middle, number_of_nodes, true);
      by_other = processor_ms() - begin;
    });
  }
  const double begin = processor_ms();
  way(0, middle, two);
  const double used = processor_ms() - begin;
  if (two) other.join();
  return std::max(used, by_other);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const uint64_t bytes = std::strtoull(argv[1], nullptr, 10) << 20;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  number_of_nodes = bytes / kNodeBytes;
  nodes = static_cast<char*>(map(bytes));
  std::fill(nodes, nodes + bytes, char{1});
  bits.resize(number_of_nodes / 64 + 1);
  order.resize(number_of_nodes);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  find_all();
  constexpr struct {
    const char* name;
    Way way;
  } kWays[] = {{"at random", at_random}, {"sorted", sorted}, {"bucketed", bucketed}, {"as found", as_found}};
  for (const auto& way : kWays) {
    double least[2] = {1e9, 1e9};
    for (int i = 0; i < rounds; ++i) {
      for (const bool two : {false, true}) least[two] = std::min(least[two], round_ms(way.way, two));
    }
    std::printf("%-10s one thread %.0f ms, two %.0f ms\n", way.name, least[0], least[1]);
  }
  return 0;
}
