// The parser of LOAM_OPTIONS: reads nothing past the final zero byte, says where the error is, never overflows the
// message, and what it accepted means the same when it is written out and read again.

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "options/parse.hpp"
#include "target.hpp"

namespace {

using namespace loam::options;

// The text ends at the last byte before a page that may not be touched.
class GuardedText {
 public:
  GuardedText() {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = 16 * page;
    void* at = mmap(nullptr, bytes_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    LOAM_FUZZ_CHECK(at != MAP_FAILED);
    start_ = static_cast<char*>(at);
    LOAM_FUZZ_CHECK(mprotect(start_ + bytes_, page, PROT_NONE) == 0);
  }

  const char* hold(const std::uint8_t* data, std::size_t size) {
    const std::size_t kept = size < bytes_ ? size : bytes_ - 1;
    char* text = start_ + bytes_ - kept - 1;
    std::memcpy(text, data, kept);
    text[kept] = '\0';
    return text;
  }

 private:
  char* start_ = nullptr;
  std::size_t bytes_ = 0;
};

bool ends(const char (&text)[kTextBytes]) { return std::memchr(text, '\0', kTextBytes) != nullptr; }

std::string escaped(const char* text) {
  std::string out;
  for (; *text != '\0'; ++text) {
    if (*text == '\\' || *text == ':') out += '\\';
    out += *text;
  }
  return out;
}

std::string written(const Values& values) {
  std::string out = values.source == Source::kMmap   ? "source=mmap"
                    : values.source == Source::kSbrk ? "source=sbrk"
                                                     : "source=file\\:" + escaped(values.source_path);
  if (values.stats_path[0] != '\0') out += ":stats=" + escaped(values.stats_path);
  if (values.leaks_path[0] != '\0') out += ":leaks=" + escaped(values.leaks_path);
  if (values.deny[0] != '\0') out += ":deny=" + escaped(values.deny);
  out += values.verbose ? ":verbose=1" : ":verbose=0";
  out += values.advice ? ":advice=1" : ":advice=0";
  out += values.follow ? ":follow=1" : ":follow=0";
  out += ":purge_delay_ms=" + std::to_string(values.purge_delay_ms);
  out += ":fail_nth=" + std::to_string(values.fail_nth) + ":fail_from=" + std::to_string(values.fail_from);
  return out;
}

bool same(const Values& a, const Values& b) {
  return a.source == b.source && a.verbose == b.verbose && a.advice == b.advice && a.follow == b.follow &&
         a.purge_delay_ms == b.purge_delay_ms && a.fail_nth == b.fail_nth && a.fail_from == b.fail_from &&
         (a.source != Source::kFile || std::strcmp(a.source_path, b.source_path) == 0) &&
         std::strcmp(a.stats_path, b.stats_path) == 0 && std::strcmp(a.leaks_path, b.leaks_path) == 0 &&
         std::strcmp(a.deny, b.deny) == 0;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  return {"",
          "source=mmap",
          "source=file:/tmp/a:b\\:c=d:stats=/dev/shm/x",
          "verbose=1:advice=0:follow=0",
          "purge_delay_ms=500:fail_nth=18446744073709551615:fail_from=18446744073709551616",
          "deny=bash,sh,,x",
          ":::",
          "source=",
          "=x",
          "stats=" + std::string(2000, 'x')};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static GuardedText guarded;
  const char* text = guarded.hold(data, size);
  const std::size_t length = std::strlen(text);
  Values values;
  const Result result = parse(text, values);
  LOAM_FUZZ_CHECK(ends(values.source_path) && ends(values.stats_path) && ends(values.leaks_path) &&
                  ends(values.deny));
  LOAM_FUZZ_CHECK(values.purge_delay_ms <= option(Key::kPurgeDelayMs).maximum);
  if (!result.ok()) {
    LOAM_FUZZ_CHECK(result.offset < length);
    LOAM_FUZZ_CHECK(result.key.start == text + result.offset);
    LOAM_FUZZ_CHECK(result.key.start + result.key.size <= text + length);
    LOAM_FUZZ_CHECK(result.value.size == 0 || result.value.start + result.value.size <= text + length);
    char message[40];
    std::memset(message, 'x', sizeof message);
    const std::size_t used = describe(result, message, sizeof message - 1);
    LOAM_FUZZ_CHECK(used < sizeof message - 1 && message[used] == '\0' && message[sizeof message - 1] == 'x');
  }
  Values again;
  LOAM_FUZZ_CHECK(parse(written(values).c_str(), again).ok());
  LOAM_FUZZ_CHECK(same(values, again));
  (void)names_contain(values.deny, "sh");
  return 0;
}
