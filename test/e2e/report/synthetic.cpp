#include "synthetic.hpp"

#include <algorithm>
#include <bit>

namespace loam::test {
namespace {

using tool::HeapEvent;

constexpr std::uint64_t kBase = 0x7f4a00000000;
constexpr std::uint64_t kSlice = 16384;
constexpr std::uint64_t kTimeStep = 1700;  // nanoseconds between two events, on average

struct Name {
  const char* function;
  const char* file;
  int line;
};

// By stack: 1 cache, 2 session, 3 index, 4 table; from 10 on the requests.
constexpr Name kLeaves[] = {
    {"server::Cache::remember", "src/cache.cpp", 88},
    {"server::Session::Session", "src/session.cpp", 31},
    {"index::Builder::add_posting", "src/index.cpp", 147},
    {"server::Table::grow", "src/table.cpp", 59},
};
constexpr Name kRequests[] = {
    {"http::Parser::header", "src/http/parser.cpp", 212},
    {"http::Parser::body", "src/http/parser.cpp", 260},
    {"json::Value::parse", "third_party/json.hpp", 901},
    {"json::Value::object", "third_party/json.hpp", 944},
    {"query::Plan::make", "src/query/plan.cpp", 77},
    {"query::Row::copy", "src/query/row.cpp", 19},
    {"log::Line::format", "src/log.cpp", 45},
    {"http::Reply::write", "src/http/reply.cpp", 130},
};
constexpr const char* kHostile[] = {
    "<img src=x onerror=\"document.title='owned'\">",
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    ("a\xff\xfe"
     "b\x01 \"quoted\" & 'more'"),
};

}  // namespace

void SyntheticHeap::restart() {
  random_.seed(20);
  ready_.clear();
  free_.assign(128, {});
  cache_.clear();
  sessions_.clear();
  index_.clear();
  samples_.clear();
  taken_ = 0;
  made_ = time_ = live_ = top_ = most_ = crossings_ = next_sample_ = 0;
  table_ = {};
}

// Of an allocator with headers, the block with its header; at least as much as either of those has that the report knows.
std::uint64_t SyntheticHeap::room_for(std::uint64_t size) const {
  if (size > 1024) return std::bit_ceil(size + header_);
  return std::max<std::uint64_t>((size + header_ + 15) / 16 * 16, header_ == 0 ? 16 : 32);
}

std::vector<std::uint64_t>& SyntheticHeap::free_list(std::uint64_t room) {
  return free_[room <= 1040 ? room / 16 : 66 + static_cast<std::size_t>(std::bit_width(room))];
}

// The block freed last of the size's class, else one of a new slice.
std::uint64_t SyntheticHeap::place(std::uint64_t size) {
  const std::uint64_t rounded = room_for(size);
  std::vector<std::uint64_t>& list = free_list(rounded);
  if (list.empty()) {
    const std::uint64_t run = std::max(kSlice, rounded);
    for (std::uint64_t at = run / rounded; at-- > 0;)
      list.push_back(kBase + top_ + at * rounded + 2 * header_);
    top_ += (run + kSlice - 1) / kSlice * kSlice;
    crossings_ += run / 4096;
  }
  const std::uint64_t address = list.back();
  list.pop_back();
  return address;
}

void SyntheticHeap::allocate(std::uint32_t stack, std::uint64_t size, std::vector<Block>* keep) {
  HeapEvent event;
  event.stack = stack;
  event.size = size;
  event.address = place(size);
  event.thread = 1 + stack % 3;
  ready_.push_back(event);
  keep->push_back({event.address, size});
  live_ += size;
}

void SyntheticHeap::release(std::vector<Block>& from, std::size_t index) {
  const Block block = from[index];
  HeapEvent event;
  event.kind = HeapEvent::Kind::kFree;
  event.address = block.address;
  event.thread = 1 + static_cast<std::uint32_t>(ready_.size() % 3);
  ready_.push_back(event);
  free_list(room_for(block.size)).push_back(block.address);
  live_ -= block.size;
  from[index] = from.back();
  from.pop_back();
}

// A request takes a few blocks and gives back all but, now and then, one that the cache keeps.
void SyntheticHeap::request() {
  std::vector<Block> own;
  const std::size_t blocks = 4 + random_() % 12;
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto which = static_cast<std::uint32_t>(random_() % std::size(kRequests));
    allocate(10 + which + 8 * static_cast<std::uint32_t>(random_() % 6),
             16 + random_() % (which == 1 ? 9000 : 500), &own);
    if (random_() % 3 == 0) release(own, own.size() - 1);
  }
  if (random_() % 4 == 0) allocate(1, 96 + random_() % 64, &cache_);
  if (random_() % 3 == 0) allocate(2, 1200, &sessions_);
  if (sessions_.size() > 4000) release(sessions_, random_() % sessions_.size());
  while (!own.empty()) release(own, own.size() - 1);
}

void SyntheticHeap::plan() {
  ready_.clear();
  taken_ = 0;
  const double part = static_cast<double>(made_) / static_cast<double>(events_);
  if (part > 0.35 && part < 0.5) {
    for (int i = 0; i < 8; ++i) allocate(3, 24 + random_() % 200, &index_);
  } else if (part >= 0.62 && !index_.empty()) {
    for (int i = 0; i < 40 && !index_.empty(); ++i) release(index_, random_() % index_.size());
  }
  if (table_.size < (std::uint64_t{1} << 20U) * (1 + static_cast<std::uint64_t>(part * 6))) {
    HeapEvent event;
    event.kind = HeapEvent::Kind::kResize;
    event.stack = 4;
    event.thread = 1;
    event.size = std::max<std::uint64_t>(65536, table_.size * 3 / 2);
    event.old_address = table_.address;
    event.address = place(event.size);
    live_ += event.size - table_.size;
    table_ = {event.address, event.size};
    ready_.push_back(event);
  }
  request();
}

void SyntheticHeap::sample() {
  most_ = std::max(most_, top_);
  samples_.push_back({time_, most_ + (6U << 20U), most_ + (40U << 20U), crossings_});
  next_sample_ = time_ + 10'000'000;
}

bool SyntheticHeap::next(HeapEvent& event) {
  if (made_ >= events_) return false;
  if (taken_ == ready_.size()) plan();
  event = ready_[taken_++];
  ++made_;
  time_ += kTimeStep / 2 + random_() % kTimeStep;
  event.time = time_;
  if (time_ >= next_sample_) sample();
  return true;
}

tool::RecordingFacts SyntheticHeap::facts() const {
  tool::RecordingFacts facts;
  facts.name = "server.loam";
  facts.program = {"/usr/bin/server", "--port", hostile_ ? "</script><b>" : "8080"};
  facts.pid = 4711;
  facts.started = 1790000000;
  facts.duration = time_;
  facts.ending = "exit status 0";
  facts.has_stacks = true;
  facts.has_crossings = true;
  if (hostile_) facts.remarks = {"cut at <script>"};
  return facts;
}

std::vector<tool::SourceFrame> SyntheticHeap::frames(std::uint32_t stack) {
  static constexpr const char* kCallers[] = {"server::Worker::run", "server::accept_loop", "main", "_start"};
  std::vector<tool::SourceFrame> out;
  const auto add = [&out](const std::string& function, const std::string& file, int line) {
    tool::SourceFrame& frame = out.emplace_back();
    frame.function = function;
    frame.file = file;
    frame.line = line;
    frame.module = "/usr/bin/server";
  };
  if (stack >= 10) {
    add("operator new(unsigned long)", "", 0);
    const Name& leaf = kRequests[(stack - 10) % 8];
    add(hostile_ ? kHostile[stack % 4] : leaf.function, leaf.file, leaf.line);
    const std::uint32_t route = (stack - 10) / 8;
    add("server::Route" + std::to_string(route) + "::handle", "src/routes.cpp",
        40 + static_cast<int>(route) * 17);
  } else {
    const Name& leaf = kLeaves[(stack - 1) % 4];
    add(leaf.function, leaf.file, leaf.line);
  }
  int line = 300;
  for (const char* caller : kCallers) add(caller, "src/main.cpp", line -= 40);
  return out;
}

}  // namespace loam::test
