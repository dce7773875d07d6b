// Small blocks on one thread: churn, lifetimes, replacement, strings, cleared blocks.
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "workloads/workload.hpp"

namespace loam::bench {
namespace {

// A few blocks live at any time: what a parser or an interpreter does for each statement.
Result small_churn() {
  constexpr long kOperations = 30'000'000;
  constexpr std::size_t kLive = 16;
  Random random(1);
  std::array<void*, kLive> live{};
  Result result;
  for (void*& block : live) block = take(16, 0);
  for (long i = 0; i < kOperations; ++i) {
    void*& block = live[static_cast<std::size_t>(i) % kLive];
    result.checksum += give_back(block);
    block = take(8 + (random.next() >> 57U), static_cast<std::uint8_t>(i));
  }
  for (void* block : live) result.checksum += give_back(block);
  return result;
}

// Objects of C++: fixed types through new and delete, short-lived, in nested scopes.
struct Point {
  double x, y, z;
};
struct Message {
  std::uint64_t id;
  std::array<char, 104> text;
};

Result objects() {
  constexpr int kRounds = 5'000'000;
  Result result;
  for (int i = 0; i < kRounds; ++i) {
    auto message = std::make_unique<Message>();
    message->id = static_cast<std::uint64_t>(i);
    auto points = std::make_unique<std::array<std::unique_ptr<Point>, 4>>();
    for (auto& point : *points) point = std::make_unique<Point>(Point{1, 2, static_cast<double>(i)});
    result.checksum += message->id + static_cast<std::uint64_t>((*points)[3]->z);
  }
  return result;
}

// Four generations: most blocks die young, each older generation is replaced eight times more rarely.
Result mixed_lifetimes() {
  constexpr long kOperations = 9'000'000;
  constexpr std::array<std::size_t, 4> kLive{256, 4096, 32768, 131072};
  Random random(3);
  std::array<std::vector<void*>, kLive.size()> generations;
  Result result;
  for (std::size_t g = 0; g < kLive.size(); ++g) generations[g].assign(kLive[g], nullptr);
  for (long i = 0; i < kOperations; ++i) {
    const std::size_t dice = random.below(512);
    const std::size_t g = dice < 1 ? 3U : dice < 9 ? 2U : dice < 73 ? 1U : 0U;
    void*& block = generations[g][random.below(kLive[g])];
    if (block != nullptr) result.checksum += give_back(block);
    block = take(random.typical_size(), static_cast<std::uint8_t>(i));
  }
  for (auto& generation : generations) {
    for (void* block : generation) result.checksum += block != nullptr ? give_back(block) : 0;
  }
  return result;
}

// A large working set whose blocks are replaced in random order: the free block is always cold.
Result random_replace() {
  constexpr std::size_t kSlots = 200'000;
  constexpr long kOperations = 3'000'000;
  Random random(4);
  std::vector<void*> slots(kSlots, nullptr);
  Result result;
  for (void*& block : slots) block = take(random.between(16, 512), 1);
  for (long i = 0; i < kOperations; ++i) {
    void*& block = slots[random.below(kSlots)];
    result.checksum += give_back(block);
    block = take(random.between(16, 512), static_cast<std::uint8_t>(i));
  }
  for (void* block : slots) result.checksum += give_back(block);
  return result;
}

// Words counted in a hash map of strings, then joined and cut again: std::string, its growth and its copies.
Result strings() {
  constexpr int kWords = 700'000;
  constexpr std::size_t kVocabulary = 60'000;
  Random random(5);
  std::unordered_map<std::string, std::vector<int>> index;
  std::string text;
  for (int i = 0; i < kWords; ++i) {
    std::string word = "word-with-a-stem-" + std::to_string(random.below(kVocabulary));
    word.append(random.below(24), 'x');
    index[word].push_back(i);
    text += word;
    text += ' ';
    if (text.size() > 4096) text = text.substr(text.size() / 2);
  }
  Result result;
  for (const auto& [word, places] : index) result.checksum += word.size() * places.size();
  return {result.checksum + text.size(), 0};
}

// Cleared vectors, partly used: whether calloc clears what the kernel has cleared already.
Result cleared() {
  constexpr int kRounds = 250;
  constexpr std::size_t kVectors = 2000;
  Random random(6);
  Result result;
  std::array<std::uint32_t*, kVectors> vectors{};
  for (int round = 0; round < kRounds; ++round) {
    for (auto*& vector : vectors) {
      const std::size_t count = random.below(20) == 0 ? random.between(4096, 40000) : random.between(4, 400);
      vector = static_cast<std::uint32_t*>(std::calloc(count, sizeof(std::uint32_t)));
      if (vector == nullptr) std::abort();
      result.checksum += vector[count / 2];
      vector[0] = static_cast<std::uint32_t>(count);
      vector[count / 2] = 1;
    }
    for (auto* vector : vectors) {
      result.checksum += vector[0];
      std::free(vector);
    }
  }
  return result;
}

constexpr std::array kWorkloads{
    Workload{"small-churn", false, "blocks of 8 to 135 bytes, 16 live, replaced in order", small_churn},
    Workload{"objects", false, "short-lived C++ objects through new and delete", objects},
    Workload{"mixed-lifetimes", false, "four generations of blocks of typical sizes", mixed_lifetimes},
    Workload{"random-replace", false, "200,000 live blocks of 16 to 512 bytes replaced at random",
             random_replace},
    Workload{"strings", false, "std::string, hash map and vectors: growth and copies", strings},
    Workload{"calloc", false, "cleared vectors, small and medium, sparsely used", cleared},
};

}  // namespace

std::span<const Workload> small_workloads() { return kWorkloads; }

}  // namespace loam::bench
