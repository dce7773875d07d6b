// Random sequences of heap calls against a plain model (model.hpp).
// Usage: property-heap [--source mmap|sbrk|file] [--threads N] [--seconds N] [--seed N] [--plant overlap|content|find|loss]
// Exit status: 0 no difference, 1 a difference (the seed is printed), 2 usage.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "heap/growth.hpp"
#include "property/account.hpp"
#include "property/crew.hpp"
#include "property/model.hpp"
#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::property {

namespace {

constexpr uint64_t kMostBytes = uint64_t{256} << 20;
constexpr size_t kMostBlocks = 20000;

class Sequence {
 public:
  explicit Sequence(uint64_t seed) : random_(seed) {}

  // Returns an empty string, or what is wrong.
  std::string run(uint64_t operations) {
    for (uint64_t i = 0; i < operations; ++i) {
      std::string wrong = step();
      if (wrong.empty() && i % 1000 == 999) wrong = verify();
      if (!wrong.empty()) return "operation " + std::to_string(i) + ": " + wrong;
    }
    while (model_.count() > 0) {
      const std::string wrong = release(model_.count() - 1);
      if (!wrong.empty()) return "at the end: " + wrong;
    }
    return verify();
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }

  // Mostly small, every order of magnitude, and the edges of classes.
  size_t draw_size() {
    const uint64_t kind = below(100);
    if (kind < 3) return 0;
    if (kind < 60) return below(1100);
    if (kind < 90) return below(uint64_t{1} << (10 + below(7)));
    if (kind < 99) return below(uint64_t{1} << (16 + below(6)));
    return below(uint64_t{70} << 20);
  }

  std::string step() {
    // Phases of growth and of shrinking, so that spans fill, empty, leave and come back.
    phase_ = below(2000) == 0 ? below(100) : phase_;
    const bool full = model_.count() >= kMostBlocks || model_.bytes() >= kMostBytes;
    const uint64_t kind = below(100);
    if (kind < 8 && model_.count() > 0) return resize(below(model_.count()));
    if (kind < 16) return look();
    if (kind < 17) return misuse();
    if (kind == 17 && below(40) == 0) return trim();
    if (!full && below(100) < 30 + phase_ / 2) return allocate();
    return model_.count() > 0 ? release(below(model_.count())) : allocate();
  }

  std::string allocate() {
    const size_t size = draw_size();
    const size_t alignment = below(50) == 0 ? size_t{1} << (4 + below(19)) : heap::kGranule;
    bool zero = false;
    auto* block = static_cast<char*>(user_.allocate(size, alignment, &zero));
    if (block == nullptr) return "no memory for " + std::to_string(size) + " bytes";
    if (plant == Plant::kOverlap && model_.count() > 200 && size > 0)
      block = model_.at(below(model_.count())).start;
    return model_.add(block, size, alignment, zero);
  }

  std::string release(size_t index) {
    Block block{};
    std::string wrong = model_.remove(index, &block);
    if (!user_.release(block.start)) wrong += " a live block cannot be freed";
    return wrong;
  }

  // As realloc does it: a large block in place, a small one into room to grow; where neither goes it stays.
  std::string resize(size_t index) {
    std::string wrong = model_.check(index);
    heap::Span* span = heap::page_map.find(model_.at(index).start);
    if (!wrong.empty() || span == nullptr) return wrong;
    return span->kind == heap::SpanKind::kLarge ? resize_large(index, *span) : resize_small(index, *span);
  }

  std::string resize_large(size_t index, heap::Span& span) {
    const Block& block = model_.at(index);
    const size_t size = heap::kMaxSmall + 1 + below(4 * block.size + 100000);
    if (!heap::resize_large(span, size)) return model_.check(index);
    return keep_resized(index, size);
  }

  std::string resize_small(size_t index, heap::Span& span) {
    const Block& block = model_.at(index);
    const size_t size = heap::kGrowFrom + below(heap::kMaxSmall + 1 - heap::kGrowFrom);
    if (heap::is_growth(span) && below(4) == 0) {
      const size_t large = heap::kMaxSmall + size;
      return heap::outgrow(user_.heap(), span, large) ? keep_resized(index, large) : std::string();
    }
    if (heap::is_growth(span)) {
      heap::set_growth_size(span, heap::block_index(span, block.start).index, size);
      return keep_resized(index, size);
    }
    auto* moved = size > block.size ? static_cast<char*>(heap::allocate_growth(user_.heap(), size)) : nullptr;
    if (moved == nullptr) return {};
    std::string wrong = release(index);
    return wrong.empty() ? model_.add(moved, size, heap::kGranule, false) : wrong;
  }

  std::string keep_resized(size_t index, size_t size) {
    const Block& block = model_.at(index);
    const size_t kept = size < block.size ? size : block.size;
    if (!holds({block.start, kept < 256 ? kept : 256, block.pattern}))
      return "a block resized in place has lost its contents";
    if (heap::find_size(block.start) < size) return "a block resized in place is too small";
    model_.replace(index, size);
    return {};
  }

  std::string look() {
    std::string wrong;
    for (int i = 0; i < 4 && wrong.empty(); ++i) {
      uint64_t word = random_() >> below(64);
      if (i % 2 == 0 && model_.count() > 0) {
        const Block& block = model_.at(below(model_.count()));
        word = reinterpret_cast<uint64_t>(block.start) + below(2 * block.size + 64) - (i == 0 ? 0 : 16);
      }
      wrong = model_.compare_find(word);
    }
    return wrong;
  }

  // What no program may do: refused, and nothing changes.
  std::string misuse() {
    if (model_.count() == 0) return {};
    const Block& block = model_.at(below(model_.count()));
    const size_t inside = 1 + below(block.size + 1);
    const heap::Found found = heap::find(block.start + inside);
    if (found.where == heap::Where::kLive && found.block == block.start &&
        user_.release(block.start + inside))
      return "freed an address inside a block";
    void* freed = user_.allocate(block.size);
    if (freed == nullptr || !user_.release(freed)) return "a block just made cannot be freed";
    return user_.release(freed) ? "freed a block twice" : std::string();
  }

  std::string trim() {
    heap::trim(user_.heap());
    heap::trim_orphans();
    heap::regions.purge(below(uint64_t{8} << 20), below(2) == 0);
    heap::regions.decay(sys::monotonic_ns());
    return verify();
  }

  std::string verify() {
    heap::Stack& stack = user_.heap().stack(0);
    if (plant == Plant::kLoss && stack.top->block != nullptr) --stack.top;
    const char* wrong = heap::verify();
    return wrong == nullptr ? settle_accounts() : wrong;
  }

  std::mt19937_64 random_;
  test::HeapUser user_;
  Model model_;
  uint64_t phase_ = 50;
};

struct Choices {
  sys::SourceKind source = sys::SourceKind::kMap;
  unsigned threads = 1;
  unsigned seconds = 2;
  uint64_t seed = std::random_device{}() | uint64_t{1} << 40;
};

bool choose(Choices& choices, const std::string& name, const std::string& value) {
  if (name == "--source" && value == "mmap") return true;
  if (name == "--source" && value == "sbrk") return choices.source = sys::SourceKind::kBreak, true;
  if (name == "--source" && value == "file") return choices.source = sys::SourceKind::kFile, true;
  if (name == "--threads") return (choices.threads = static_cast<unsigned>(std::stoul(value))) > 0;
  if (name == "--seconds") return choices.seconds = static_cast<unsigned>(std::stoul(value)), true;
  if (name == "--seed") return choices.seed = std::stoull(value), true;
  if (name != "--plant") return false;
  plant = value == "overlap"   ? Plant::kOverlap
          : value == "content" ? Plant::kContent
          : value == "find"    ? Plant::kFind
          : value == "loss"    ? Plant::kLoss
                               : Plant::kNothing;
  return plant != Plant::kNothing;
}

int run(const Choices& choices) {
  test::open_heap(choices.source, "/tmp/loam-property");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(choices.seconds);
  uint64_t rounds = 0;
  do {
    const uint64_t seed = choices.seed + rounds;
    const std::string wrong =
        choices.threads > 1 ? run_crew(choices.threads, seed, 20000) : Sequence(seed).run(20000);
    const unsigned faults = test::fault_count.load();
    if (!wrong.empty() || faults != 0) {
      std::printf("%s%s\nrepeat with --threads %u --seed %llu\n", wrong.c_str(),
                  faults != 0 ? " (the heap itself raised a fault)" : "", choices.threads,
                  static_cast<unsigned long long>(seed));
      return 1;
    }
    ++rounds;
  } while (std::chrono::steady_clock::now() < end);
  std::printf("seed %llu, %llu rounds of 20000 operations, no difference\n",
              static_cast<unsigned long long>(choices.seed), static_cast<unsigned long long>(rounds));
  return 0;
}

}  // namespace

}  // namespace loam::property

int main(int argc, char** argv) {
  loam::property::Choices choices;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !loam::property::choose(choices, argv[i], argv[i + 1])) {
      std::fprintf(stderr, "cannot make sense of %s; see the head of test/property/main.cpp\n", argv[i]);
      return 2;
    }
  }
  return loam::property::run(choices);
}
