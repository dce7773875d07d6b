// Random graphs of blocks, with cycles, interior pointers, freed neighbours and words that look like anything, against an
// oracle that knows every edge: what is reachable, what is lost, which lost block hangs on which.
//   property-scan [--seconds N] [--seed N] [--plant edge]
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "runtime/heap_view.hpp"
#include "scan/leaks.hpp"
#include "support/graph.hpp"
#include "sys/kernel.hpp"

namespace {

using namespace loam;
using test::BlockGraph;

struct Options {
  uint64_t seconds = 2;
  uint64_t seed = 0;
  bool plant = false;
};

size_t random_size(BlockGraph& graph) {
  switch (graph.pick(40)) {
    case 0:
      return 65'537 + graph.pick(400'000);
    case 1:
      return 8192 + graph.pick(50'000);
    default:
      return 8 + graph.pick(400);
  }
}

struct Round {
  scan::Scratch scratch;
  scan::BlockMap map;
  scan::Readable readable;
  std::map<uint64_t, size_t> index;  // of a node, by its block's address
};

const char* check_leaks(const BlockGraph& graph, const Round& round, const scan::Leaks& leaks,
                        const std::set<size_t>& strong, const std::set<size_t>& weak) {
  const auto node_of = [&](uint32_t leak) {
    const scan::BlockMap::Block block = round.map.at(leaks.at(leak).number);
    return round.index.at(round.map.address(*block.span, block.index));
  };
  std::set<size_t> lost;
  for (uint32_t i = 0; i < leaks.count(); ++i) {
    const size_t node = node_of(i);
    lost.insert(node);
    const scan::Leak& leak = leaks.at(i);
    const bool dead = leak.kind >= scan::LeakKind::kDeadSlot;
    if (dead != (weak.count(node) != 0)) return "a block is in the wrong one of lost and dead-slot";
    const bool head = leak.kind == scan::LeakKind::kDefinite || leak.kind == scan::LeakKind::kDeadSlot;
    if (head != (leak.owner == i) || head != (leak.parent == i)) return "a head is not its own owner";
    if (head) continue;
    if (graph.nodes()[node_of(leak.parent)].targets.count(node) == 0)
      return "a parent does not point to its child";
    if (leaks.at(leak.parent).owner != leak.owner) return "a parent has another owner";
  }
  if (lost.size() != leaks.count()) return "a block is lost twice";
  if (lost.size() + strong.size() != graph.nodes().size())
    return "a block is neither lost nor reachable, or both";
  for (const size_t node : lost) {
    if (strong.count(node) != 0) return "a reachable block is lost";
  }
  // Every lost block that a lost one of its side points to is no head, unless both lie in one ring.
  for (uint32_t i = 0; i < leaks.count(); ++i) {
    if (leaks.at(i).kind != scan::LeakKind::kDefinite) continue;
    const size_t node = node_of(i);
    const std::set<size_t> below = graph.reach({node});
    for (const size_t other : lost) {
      if (other == node || weak.count(other) != 0 || graph.nodes()[other].targets.count(node) == 0) continue;
      if (below.count(other) == 0) return "a block that another points to is a head";
    }
  }
  return nullptr;
}

const char* run_round(uint64_t seed, bool plant) {
  test::HeapUser user;
  BlockGraph graph(seed);
  const size_t count = 2 + graph.pick(600);
  std::vector<void*> freed;
  for (size_t i = 0; i < count; ++i) {
    graph.add(user, random_size(graph));
    if (graph.pick(3) == 0) freed.push_back(user.allocate(random_size(graph)));
  }
  const size_t edges = graph.pick(count * 2 + 1);
  for (size_t i = 0; i < edges; ++i) graph.link(graph.pick(count), graph.pick(count));
  for (void* block : freed) user.release(block);
  std::set<size_t> roots;
  std::set<size_t> weak_roots;
  while (graph.pick(6) != 0) roots.insert(graph.pick(count));
  while (graph.pick(3) != 0) weak_roots.insert(graph.pick(count));
  const std::set<size_t> strong = graph.reach(roots);
  std::set<size_t> weak = graph.reach(weak_roots);
  for (const size_t node : strong) weak.erase(node);

  Round round;
  if (!round.map.build(runtime::view_of_heap(), round.scratch) || !round.readable.prepare(round.scratch, 1))
    return "no memory";
  for (size_t i = 0; i < count; ++i) round.index[reinterpret_cast<uint64_t>(graph.nodes()[i].block)] = i;
  scan::BlockSet open = round.map.copy(round.map.live(), round.scratch);
  scan::Marker marker(round.map, open, &round.readable);
  if (!marker.prepare(round.scratch)) return "no memory";
  const auto mark = [&](const std::set<size_t>& nodes) {
    for (const size_t node : nodes) {
      const auto start = reinterpret_cast<uint64_t>(graph.nodes()[node].block);
      marker.add_word(start + graph.pick(graph.nodes()[node].words * 8));
    }
    marker.drain();
  };
  mark(roots);
  scan::BlockSet lost = round.map.copy(open, round.scratch);
  mark(weak_roots);
  if (plant && !strong.empty()) {
    const auto word = reinterpret_cast<uint64_t>(graph.nodes()[*strong.begin()].block);
    lost.insert(round.map.find(word).number);
  }
  scan::Leaks leaks(round.map, round.readable);
  if (!leaks.sort(lost, open, round.scratch)) return "no memory";
  const char* wrong = check_leaks(graph, round, leaks, strong, weak);
  graph.free_all(user);
  return wrong;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) options.seconds = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seed") == 0) options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--plant") == 0) options.plant = true;
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const uint64_t end = sys::monotonic_ns() + options.seconds * 1'000'000'000;
  uint64_t seed = options.seed != 0 ? options.seed : sys::random_bits();
  uint64_t rounds = 0;
  do {
    if (const char* wrong = run_round(seed, options.plant)) {
      std::printf("seed %" PRIu64 ": %s\n", seed, wrong);
      return 1;
    }
    if (const char* wrong = heap::verify()) {
      std::printf("seed %" PRIu64 ": %s\n", seed, wrong);
      return 1;
    }
    ++seed;
    ++rounds;
  } while (options.seed == 0 && sys::monotonic_ns() < end);
  std::printf("%" PRIu64 " graphs\n", rounds);
  return 0;
}
