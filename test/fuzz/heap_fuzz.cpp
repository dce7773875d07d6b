// The heap under any sequence of calls: the input's bytes are the calls. Blocks never overlap, keep their contents, are
// aligned and found; what is no live block's start is refused; the heap's invariants hold at the end.

#include <filesystem>
#include <fstream>
#include <iterator>

#include "heap/growth.hpp"
#include "heap/span.hpp"
#include "property/account.hpp"
#include "property/model.hpp"
#include "support/heap.hpp"
#include "target.hpp"

namespace {

using namespace loam;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), end_(data + size) {}

  bool ended() const { return data_ == end_; }
  std::uint64_t take(unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes && data_ != end_; ++i) value |= std::uint64_t{*data_++} << (8 * i);
    return value;
  }

 private:
  const std::uint8_t* data_;
  const std::uint8_t* end_;
};

constexpr std::uint64_t kMostBytes = std::uint64_t{512} << 20;

void expect_nothing(const std::string& wrong) {
  if (!wrong.empty()) std::fprintf(stderr, "%s\n", wrong.c_str());
  LOAM_FUZZ_CHECK(wrong.empty());
}

class Run {
 public:
  Run(test::HeapUser& user, test::HeapUser& other, Input input) : user_(user), other_(other), input_(input) {}

  void run() {
    while (!input_.ended()) step();
    while (model_.count() > 0) release(user_, model_.count() - 1);
    settle();
    const char* wrong = heap::verify();
    expect_nothing(wrong == nullptr ? property::settle_accounts() : wrong);
    LOAM_FUZZ_CHECK(test::fault_count == 0);
  }

 private:
  std::size_t pick() { return input_.take(2) % model_.count(); }

  // The two users stand for two threads that take turns: what one frees of the other's goes through parcels.
  void step() {
    const std::uint64_t code = input_.take(1);
    test::HeapUser& user = (code & 0x80) != 0 ? other_ : user_;
    heap::fast_heap = &user.heap();
    const unsigned kind = code % 8;
    if (kind <= 2)
      return allocate(user, kind == 0 ? input_.take(1) : kind == 1 ? input_.take(2) : input_.take(3) * 5);
    if (kind == 7) return tidy(user);
    if (model_.count() == 0) return;
    if (kind <= 4) return release(user, pick());
    if (kind == 5) return resize(user, pick());
    misuse(user, pick());
  }

  void allocate(test::HeapUser& user, std::size_t size) {
    if (model_.bytes() + size > kMostBytes) return;
    const std::size_t alignment = size % 7 == 3 ? std::size_t{16} << (input_.take(1) % 17) : heap::kGranule;
    bool zero = false;
    auto* block = static_cast<char*>(user.allocate(size, alignment, &zero));
    LOAM_FUZZ_CHECK(block != nullptr);
    expect_nothing(model_.add(block, size, alignment, zero));
  }

  void release(test::HeapUser& user, std::size_t index) {
    property::Block block{};
    expect_nothing(model_.remove(index, &block));
    LOAM_FUZZ_CHECK(user.release(block.start));
  }

  void resize(test::HeapUser& user, std::size_t index) {
    expect_nothing(model_.check(index));
    const std::uint64_t draw = input_.take(3);
    heap::Span* span = heap::page_map.find(model_.at(index).start);
    if (span == nullptr) return;
    if (span->kind == heap::SpanKind::kSmall) return grow(user, index, *span, draw);
    const std::size_t size = heap::kMaxSmall + 1 + draw;
    if (!heap::resize_large(*span, size)) return;
    LOAM_FUZZ_CHECK(heap::find_size(model_.at(index).start) >= size);
    model_.replace(index, size);
  }

  // Into room to grow, and there in place: as realloc does it.
  void grow(test::HeapUser& user, std::size_t index, heap::Span& span, std::uint64_t draw) {
    const std::size_t size = heap::kGrowFrom + draw % (heap::kMaxSmall + 1 - heap::kGrowFrom);
    if (heap::is_growth(span) && draw >= 1u << 23) {
      if (heap::outgrow(user.heap(), span, heap::kMaxSmall + size))
        model_.replace(index, heap::kMaxSmall + size);
      return;
    }
    if (heap::is_growth(span)) {
      heap::set_growth_size(span, heap::block_index(span, model_.at(index).start).index, size);
      return model_.replace(index, size);
    }
    auto* moved = static_cast<char*>(heap::allocate_growth(user.heap(), size));
    if (moved == nullptr) return;
    release(user, index);
    expect_nothing(model_.add(moved, size, heap::kGranule, false));
  }

  void misuse(test::HeapUser& user, std::size_t index) {
    settle();  // what is under way to its owner is live for find()
    heap::fast_heap = &user.heap();
    char* inside = model_.at(index).start + 1 + input_.take(2);
    expect_nothing(model_.compare_find(reinterpret_cast<std::uint64_t>(inside)));
    const heap::Found found = heap::find(inside);
    if (found.where == heap::Where::kLive && found.block != inside) LOAM_FUZZ_CHECK(!user.release(inside));
    expect_nothing(model_.check(index));
  }

  void tidy(test::HeapUser& user) {
    const std::uint64_t what = input_.take(1);
    if (what % 4 == 0) heap::trim(user.heap());
    if (what % 4 == 1) heap::regions.purge(what << 12, what >= 128);
    if (what % 4 == 2) settle();
    if (what % 4 == 3) heap::regions.decay(now_ += what << 24);
  }

  void settle() {
    for (test::HeapUser* user : {&user_, &other_}) {
      heap::fast_heap = &user->heap();
      const heap::BusyMark mark(user->heap());
      heap::post_all(user->heap());
    }
    for (test::HeapUser* user : {&user_, &other_}) {
      heap::fast_heap = &user->heap();
      const heap::BusyMark mark(user->heap());
      heap::drain(user->heap());
    }
  }

  test::HeapUser& user_;
  test::HeapUser& other_;
  Input input_;
  property::Model model_;
  static inline std::uint64_t now_ = 1;
};

}  // namespace

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds = {""};
  std::string small;  // many of one class, freed by the other user
  for (int i = 0; i < 300; ++i) small += {'\0', '\x30'};
  for (int i = 0; i < 300; ++i) small += {'\x83', static_cast<char>(i), static_cast<char>(i >> 8)};
  seeds.push_back(small + "\x07\x02");
  std::string large;  // of every order of magnitude, aligned, resized, freed inside
  for (int i = 1; i < 40; ++i) {
    large += {'\x02', static_cast<char>(i * 37), static_cast<char>(i * 11), static_cast<char>(i / 8),
              static_cast<char>(i)};
    large += {'\x05', static_cast<char>(i), '\0', static_cast<char>(i * 91), static_cast<char>(i), '\x02'};
    large += {'\x06', static_cast<char>(i), '\0', static_cast<char>(i * 3), '\x01'};
    if (i % 3 == 0) large += {'\x04', static_cast<char>(i), '\0', '\x07', static_cast<char>(i)};
  }
  seeds.push_back(large);
  // What libFuzzer has found worth keeping, see CMakeLists.txt.
  const char* tree = std::getenv("LOAM_SOURCE_DIR");
  if (tree == nullptr) return seeds;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(tree) + "/test/fuzz/corpus/heap")) {
    std::ifstream file(entry.path(), std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static test::HeapUser user;
  static test::HeapUser other;
  Run(user, other, Input(data, size < 20000 ? size : 20000)).run();
  return 0;
}
