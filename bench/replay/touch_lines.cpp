// touch-lines RECORDING [BYTES]: how fast replay could be if a policy did nothing at all. For each operation of the recording it touches the
// lines that any policy must: the block's place in the table of addresses, and one line of a table of BYTES (2,500,000: two bits for each 16
// bytes of a heap of 150 MB). Both are asked for ahead, as replay does.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <loam/detail/policy_tables.hpp>
#include <new>
#include <vector>

#include "tool/model/failure.hpp"
#include "tool/model/huge_table.hpp"
#include "tool/model/operations.hpp"

namespace {

using loam::tool::Operation;
using loam::tool::OperationKind;

constexpr std::size_t kLineWords = 8;
constexpr std::size_t kFarther = 96;  // operations ahead, as in simulation.cpp
constexpr std::size_t kFar = 32;
constexpr std::size_t kNear = 20;

double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class Lines {
 public:
  explicit Lines(std::uint64_t bytes) : count_(bytes / 64 + 1) {
    if (!table_.reserve(loam::tool::huge_table, count_ * kLineWords)) throw std::bad_alloc();
  }
  ~Lines() {
    table_.clear(loam::tool::huge_table);
    blocks_.clear(loam::tool::huge_table);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void touch(const std::vector<Operation>& piece) {
    for (const Operation& operation : piece) {
      if (!blocks_.reserve(loam::tool::huge_table, operation.block + std::uint64_t{1}))
        throw std::bad_alloc();
    }
    const double before = cpu_seconds();
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (i + kFar < piece.size()) look_ahead(&piece[i]);
      std::uint64_t& block = blocks_[piece[i].block];
      if (piece[i].kind == OperationKind::kAllocate) block = next_++ % count_;
      table_[block * kLineWords] += piece[i].size;
    }
    seconds_ += cpu_seconds() - before;
    operations_ += piece.size();
  }
  double nanoseconds() const { return seconds_ / static_cast<double>(operations_) * 1e9; }

 private:
  void look_ahead(const Operation* now) {
    __builtin_prefetch(now + kFarther);
    __builtin_prefetch(&blocks_[now[kFar].block], 1);
    if (now[kNear].kind != OperationKind::kAllocate)
      __builtin_prefetch(&table_[blocks_[now[kNear].block] * kLineWords], 1);
  }

  loam::detail::growing_table<std::uint64_t> blocks_;
  loam::detail::growing_table<std::uint64_t> table_;
  std::uint64_t count_;
  std::uint64_t next_ = 0;
  std::uint64_t operations_ = 0;
  double seconds_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("Usage: touch-lines RECORDING [BYTES]\n", stderr);
    return 2;
  }
  try {
    Lines lines(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 2'500'000);
    const auto source = loam::tool::open_operations(argv[1]);
    std::vector<Operation> piece;
    for (source->next(piece); !piece.empty(); source->next(piece)) lines.touch(piece);
    std::printf("%.1f ns an operation, %.1f M op/s\n", lines.nanoseconds(), 1e3 / lines.nanoseconds());
  } catch (const loam::tool::Failure& failure) {
    std::fprintf(stderr, "touch-lines: %s\n", failure.what());
    return 1;
  }
  return 0;
}
