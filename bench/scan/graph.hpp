// Graphs of blocks on the real heap, for measuring the marker: so many blocks of mixed sizes, each reached through one
// pointer of another, in the order in which they were allocated or in random order; or the records of a server's table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "support/heap.hpp"

namespace loam::bench {

struct Random {
  uint64_t state;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
  }
};

struct Graph {
  uint64_t** root = nullptr;
  uint64_t blocks = 0;
  uint64_t bytes = 0;
};

// `live` blocks of 32 to 320 bytes in a tree of four children a block, its edges laid over the blocks in the given order.
// Words that are no pointers hold small numbers, text, or random bits.
inline Graph make_graph(test::HeapUser& heap, uint64_t live, bool shuffled, uint64_t seed) {
  Random random{seed};
  std::vector<uint64_t*> blocks(live);
  Graph graph;
  graph.blocks = live;
  for (uint64_t i = 0; i < live; ++i) {
    const size_t size = 32 + 16 * (random.next() % 19);
    blocks[i] = static_cast<uint64_t*>(heap.allocate(size));
    graph.bytes += heap::find_size(blocks[i]);
    const uint64_t words = heap::find_size(blocks[i]) / 8;
    for (uint64_t j = 0; j < words; ++j) {
      const uint64_t bits = random.next();
      blocks[i][j] = (bits & 3) == 0   ? bits
                     : (bits & 3) == 1 ? 0x6f6c206d61656c20u ^ (bits >> 40)
                                       : bits >> 50;
    }
  }
  if (shuffled) {
    for (uint64_t i = live; i-- > 1;) std::swap(blocks[i], blocks[random.next() % (i + 1)]);
  }
  for (uint64_t i = 0; i < live; ++i) {
    for (uint64_t j = 0; j < 4; ++j) {
      const uint64_t child = 4 * i + 1 + j;
      blocks[i][j] = child < live ? reinterpret_cast<uint64_t>(blocks[child]) : 0;
    }
  }
  static uint64_t* root;
  root = blocks[0];
  graph.root = &root;
  return graph;
}

// What test/e2e/leaks/server.c holds: `live` records of 48 to 304 bytes in the chains of a table, each of which knows the one
// allocated before it.
inline Graph make_records(test::HeapUser& heap, uint64_t live, uint64_t seed) {
  constexpr uint64_t kChains = uint64_t{1} << 18;
  Random random{seed};
  auto* heads = static_cast<uint64_t**>(heap.allocate(kChains * sizeof(uint64_t*)));
  Graph graph;
  graph.blocks = live + 1;
  uint64_t* last = nullptr;
  for (uint64_t i = 0; i < live; ++i) {
    const size_t size = 48 + random.next() % 257;
    auto* record = static_cast<uint64_t*>(heap.allocate(size));
    std::memset(record, 0, size);
    graph.bytes += heap::find_size(record);
    uint64_t*& head = heads[random.next() % kChains];
    record[0] = reinterpret_cast<uint64_t>(head);
    record[1] = reinterpret_cast<uint64_t>(last);
    record[2] = i;
    head = last = record;
  }
  static uint64_t* root;
  root = reinterpret_cast<uint64_t*>(heads);
  graph.root = &root;
  return graph;
}

}  // namespace loam::bench
