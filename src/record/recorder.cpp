#include "record/recorder.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "base/text.hpp"
#include "record/told.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"
#include "sys/lock.hpp"
#include "sys/prefetch.hpp"
#include "sys/syscall.hpp"

namespace loam::record {

namespace {

using format::Event;
using format::Ring;
using format::RingFile;
using format::RingState;
using format::WordKind;

constexpr uint32_t kShared = format::kRings - 1;
constexpr long kWaitNs = 100'000;
// What counts of one such wait. Longer ones are everybody's: the program was stopped, and its tool with it perhaps, or the machine was.
constexpr uint64_t kMostStepNs = 20'000'000;

struct State {
  std::atomic<RingFile*> file{nullptr};  // null: nothing is recorded
  std::atomic<uint32_t> generation{0};
  std::atomic<uint32_t> rings{0};  // given out
  // More than one ring is in use: times tell the order of events. Whoever makes it so does it before its first event, and then makes a new
  // epoch; another thread that does something because of that event finds both.
  std::atomic<bool> several{false};
  Writer shared = {};
  sys::RankedLock<sys::LockRank::kSites> lock;  // of the shared ring
};
constinit State state;

char* at(RingFile* file, uint64_t offset) { return reinterpret_cast<char*>(file) + offset; }
Ring& ring_of(RingFile* file, uint32_t index) {
  return reinterpret_cast<Ring*>(at(file, format::kRingsAt))[index];
}
uint64_t* words_of(RingFile* file, uint32_t index) {
  return reinterpret_cast<uint64_t*>(at(file, format::kWordsAt)) + uint64_t{index} * format::kRingWords;
}

bool may_be_so_long() {
  rlimit limit{};
  const long done = sys::raw_call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, reinterpret_cast<long>(&limit));
  return sys::failed(done) || limit.rlim_cur >= format::kRingFileBytes;
}

// A process executes one program after another: each has a file of its own.
long make_file(const char* folder, uint32_t* serial) {
  for (*serial = 0; *serial < 1000; ++*serial) {
    base::Text path;
    path.add(folder).add("/").add(format::kRingPrefix).add(sys::process_id()).add(".").add(*serial);
    const long file = sys::raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path.data()),
                                    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file != -EEXIST) return file;
  }
  return -EEXIST;
}

void close_file(RingFile* file) {
  if (file != nullptr)
    sys::raw_call(SYS_munmap, reinterpret_cast<long>(file), static_cast<long>(format::kRingFileBytes));
}

RingFile* map_file(long descriptor) {
  const auto bytes = static_cast<long>(format::kRingFileBytes);
  if (sys::failed(sys::raw_call(SYS_ftruncate, descriptor, bytes))) return nullptr;
  const long mapped =
      sys::map_call(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
  if (sys::failed(mapped)) return nullptr;
  auto* file = reinterpret_cast<RingFile*>(mapped);
  if (has_memory(*file, 0, format::kWordsAt)) return file;
  close_file(file);
  return nullptr;
}

void fill(RingFile& file, bool with_stacks, uint32_t forked_from, uint32_t serial) {
  file.version = format::kRingVersion;
  file.pid = sys::process_id();
  file.forked_from = forked_from;
  file.serial = serial;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  file.start_realtime_ns =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  file.start_monotonic_ns = sys::monotonic_ns();
  file.start_ticks = sys::ticks();
  file.with_stacks = with_stacks ? 1 : 0;
  __atomic_store_n(&file.magic, format::kRingMagic, __ATOMIC_RELEASE);
}

void cut(RingFile& file) {
  RingState recording = RingState::kRecording;
  if (file.state.compare_exchange_strong(recording, RingState::kCut)) file.cut_ticks.store(sys::ticks());
  epoch.fetch_add(1);
}

bool has_room(const Writer& writer) {
  return writer.written + format::kMostEventWords - writer.read <= format::kRingWords;
}

// The tool takes what is there and beats its heart; only if it does neither, the program does not wait for it. What is waited for is a
// quarter of the ring, or each few events would cost a sleep of their own.
bool wait_for_room(RingFile& file, Writer& writer) {
  const Ring& ring = ring_of(&file, writer.ring);
  uint64_t beat = file.reader_beat_ns.load(std::memory_order_relaxed);
  uint64_t last = sys::monotonic_ns();
  uint64_t waited = 0;
  for (;;) {
    const uint64_t now = sys::monotonic_ns();
    waited += now - last < kMostStepNs ? now - last : kMostStepNs;
    last = now;
    const uint64_t read = ring.read.load(std::memory_order_acquire);
    const uint64_t next_beat = file.reader_beat_ns.load(std::memory_order_relaxed);
    if (read != writer.read || next_beat != beat) waited = 0;
    writer.read = read;
    beat = next_beat;
    if (writer.written - read <= uint64_t{format::kRingWords} / 4 * 3) return true;
    if (file.state.load(std::memory_order_relaxed) == RingState::kCut) return false;
    if (waited > format::kReaderPatienceNs) {
      cut(file);
      return false;
    }
    const timespec pause{0, kWaitNs};
    sys::raw_call(SYS_nanosleep, reinterpret_cast<long>(&pause), 0);
  }
}

// Where the next words go: what the tool sees of them is up to whoever publishes them.
class Words {
 public:
  Words(uint64_t* ring, uint64_t at) : ring_(ring), at_(at) {}
  void add(uint64_t word) { ring_[at_++ % format::kRingWords] = word; }
  void add(WordKind kind, uint64_t number) { add(format::word_of(kind, number)); }
  // The line after the next two, which the tool's processor has had since it was written last.
  uint64_t end() const {
    constexpr uint64_t kAhead = uint64_t{3} * 64 / sizeof(uint64_t);
    sys::ask_to_write(&ring_[(at_ + kAhead) % format::kRingWords]);
    return at_;
  }

 private:
  uint64_t* ring_;
  uint64_t at_;
};

void add_event(Words& words, Writer& writer, const Event& event) {
  uint64_t word = event.address & format::kWordAddress;
  if (word != event.address) [[unlikely]] {
    words.add(WordKind::kAddress, event.address);
    word = 0;
  }
  if (!event.is_free) {
    if (event.stack != writer.stack) words.add(WordKind::kStack, writer.stack = event.stack);
    if (event.alignment_log != 4) [[unlikely]]
      words.add(WordKind::kAlignment, event.alignment_log);
  }
  uint64_t size = event.size;
  if (size >= format::kSizeFollows) [[unlikely]] {
    words.add(WordKind::kSize, size);
    size = format::kSizeFollows;
  }
  Event shortened = event;
  shortened.address = word;
  shortened.size = size;
  words.add(word_of(shortened));
}

// Whether times are to be told is asked behind what the event was: see `several`.
void write(RingFile& file, Writer& writer, uint32_t thread, const Event& event) {
  if (file.state.load(std::memory_order_relaxed) == RingState::kCut ||
      (!has_room(writer) && !wait_for_room(file, writer))) [[unlikely]] {
    file.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Words words(words_of(&file, writer.ring), writer.written);
  if (writer.thread != thread) [[unlikely]] {
    writer.thread = thread;
    ring_of(&file, writer.ring).thread.store(thread, std::memory_order_relaxed);
    words.add(WordKind::kThread, thread);
  }
  const uint32_t now = epoch.load(std::memory_order_acquire);
  const bool several = state.several.load(std::memory_order_relaxed);
  if (several || writer.written >= writer.stamp_at) {
    words.add(WordKind::kTick, event.is_free ? sys::ticks() : sys::ticks_after());
    writer.stamp_at = writer.written + format::kStampWords;
  }
  add_event(words, writer, event);
  writer.written = words.end();
  ring_of(&file, writer.ring).written.store(writer.written, std::memory_order_release);
  // A quick event takes up to three words.
  const uint64_t full = writer.read + format::kRingWords - 2;
  writer.limit = writer.stamp_at < full ? writer.stamp_at : full;
  writer.several = several;
  writer.epoch = now;
}

constexpr uint64_t kRingBytes = uint64_t{format::kRingWords} * sizeof(uint64_t);

void note_another() {
  state.several.store(true, std::memory_order_relaxed);
  epoch.fetch_add(1, std::memory_order_release);
}

void take_ring(RingFile& file, Writer& writer, uint32_t generation) {
  writer.generation = generation;
  writer.limit = writer.written = writer.read = writer.stamp_at = writer.figures_at = 0;
  writer.thread = writer.stack = 0;
  writer.ring = state.rings.fetch_add(1, std::memory_order_relaxed);
  if (writer.ring > 0) note_another();
  if (writer.ring >= kShared || !has_memory(file, format::kWordsAt + writer.ring * kRingBytes, kRingBytes))
    writer.ring = kShared;
  writer.words = words_of(&file, writer.ring);
  writer.shown = &ring_of(&file, writer.ring).written;
}

void put_shared(RingFile& file, uint32_t thread, const Event& event) {
  if (state.lock.held_by_me()) {  // a handler that interrupted this very function
    file.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  sys::LockGuard guard(state.lock);
  Writer& writer = state.shared;
  const uint32_t generation = state.generation.load(std::memory_order_relaxed);
  if (writer.generation != generation) {
    if (!has_memory(file, format::kWordsAt + kShared * kRingBytes, kRingBytes)) return cut(file);
    note_another();
    writer = {};
    writer.generation = generation;
    writer.ring = kShared;
  }
  write(file, writer, thread, event);
}

}  // namespace

constinit std::atomic<uint32_t> epoch{0};

bool open(const char* folder, bool with_stacks, uint32_t forked_from) {
  leave_off();
  state.rings.store(0, std::memory_order_relaxed);
  state.several.store(false, std::memory_order_relaxed);
  state.lock.reset();
  if (!may_be_so_long()) return false;
  uint32_t serial = 0;
  const long descriptor = make_file(folder, &serial);
  if (sys::failed(descriptor)) return false;
  RingFile* file = map_file(descriptor);
  sys::raw_call(SYS_close, descriptor);  // programs close what they do not know
  if (file == nullptr) return false;
  fill(*file, with_stacks, forked_from, serial);
  forget_told();
  state.generation.fetch_add(1, std::memory_order_relaxed);
  state.file.store(file, std::memory_order_release);
  epoch.fetch_add(1);
  return true;
}

void leave_off() {
  RingFile* file = state.file.exchange(nullptr);
  epoch.fetch_add(1);
  close_file(file);
}

bool is_open() { return state.file.load(std::memory_order_relaxed) != nullptr; }

void put_at_length(Writer* writer, uint32_t thread, const Event& event) {
  RingFile* file = state.file.load(std::memory_order_acquire);
  if (file == nullptr) return;
  if (writer == nullptr || writer->busy) [[unlikely]]
    return put_shared(*file, thread, event);
  writer->busy = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const uint32_t generation = state.generation.load(std::memory_order_relaxed);
  if (writer->generation != generation) [[unlikely]]
    take_ring(*file, *writer, generation);
  if (writer->ring == kShared) [[unlikely]] {
    put_shared(*file, thread, event);
  } else {
    write(*file, *writer, thread, event);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  writer->busy = false;
}

void tell_new_stack(uint32_t stack) {
  RingFile* file = state.file.load(std::memory_order_acquire);
  if (file != nullptr) tell(*file, stack);
}

void set_figures(uint64_t kernel_calls, uint64_t mapped_bytes) {
  RingFile* file = state.file.load(std::memory_order_acquire);
  if (file == nullptr) return;
  file->kernel_calls.store(kernel_calls, std::memory_order_relaxed);
  file->mapped_bytes.store(mapped_bytes, std::memory_order_relaxed);
}

void say_ended() {
  RingFile* file = state.file.load(std::memory_order_acquire);
  RingState recording = RingState::kRecording;
  if (file != nullptr) file->state.compare_exchange_strong(recording, RingState::kEnded);
}

}  // namespace loam::record
