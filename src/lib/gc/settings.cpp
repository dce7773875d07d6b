#include "lib/gc/settings.hpp"

#include <stdlib.h>
#include <string.h>

#include "base/text.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

namespace {

// Binary trees of depth 20, five runs in turn, processor time and resident: 90 per cent 3.1 to 3.7 s and 124 to 148 MiB, 95 3.2 to 3.6 s and 123 to 136, 100
// 2.9 to 3.5 s and 128 to 157, 105 3.2 to 3.3 s and 148 to 173 (bdwgc 7.9 s and 222).
constexpr uint64_t kGrowthPercent = 95;
// With less, marking everything costs no more than asking the kernel.
constexpr uint64_t kGenerationsFrom = uint64_t{8} << 20;
// With the world stopped so many objects are marked in 1 to 2 ms; with 200,000 the first collections of gc-shapes ring 500, a list, stop it for up to 20 ms.
constexpr uint64_t kConcurrentFrom = 60'000;
constexpr uint64_t kLeastGrowth = uint64_t{4} << 20;

struct Name {
  const char* name;
  void (*set)(Settings&, uint64_t);
};

constexpr Name kNames[] = {
    {"every", [](Settings& settings, uint64_t value) { settings.every = value; }},
    {"stats", [](Settings& settings, uint64_t value) { settings.print_statistics = value != 0; }},
    {"markers",
     [](Settings& settings, uint64_t value) {
       settings.markers = static_cast<unsigned>(value);
       settings.concurrent = value >= 2;
     }},
    {"growth", [](Settings& settings, uint64_t value) { settings.growth_percent = value; }},
    {"concurrent", [](Settings& settings, uint64_t value) { settings.concurrent = value != 0; }},
    {"concurrent-from", [](Settings& settings, uint64_t value) { settings.concurrent_from = value; }},
    {"generations", [](Settings& settings, uint64_t value) { settings.generations = value != 0; }},
    {"generations-from", [](Settings& settings, uint64_t value) { settings.generations_from = value; }},
    {"least-growth", [](Settings& settings, uint64_t value) { settings.least_growth = value; }},
};

void complain(const char* start, const char* end) {
  base::Text text;
  text.add("loam-gc: LOAM_GC: not understood: ");
  char part[64] = {};
  const auto length = static_cast<size_t>(end - start);
  memcpy(part, start, length < sizeof part ? length : sizeof part - 1);
  text.add(part).add("\n");
  sys::write_error(text.data(), text.size());
}

bool read_pair(Settings& settings, const char* start, const char* end) {
  const auto* equals = static_cast<const char*>(memchr(start, '=', static_cast<size_t>(end - start)));
  uint64_t value = 0;
  if (equals == nullptr || !read_number(equals + 1, end, &value)) return false;
  for (const Name& name : kNames) {
    if (strlen(name.name) != static_cast<size_t>(equals - start) ||
        strncmp(name.name, start, strlen(name.name)) != 0)
      continue;
    name.set(settings, value);
    return true;
  }
  return false;
}

const char* environment(const char* variable) {
  return getenv(variable);  // NOLINT(concurrency-mt-unsafe): read once, when the heap opens
}

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = environment(variable);
  uint64_t value = 0;
  return text != nullptr && read_number(text, text + strlen(text), &value) ? value : otherwise;
}

}  // namespace

bool read_number(const char* text, const char* end, uint64_t* number) {
  const char* at = text;
  uint64_t value = 0;
  for (; at < end && *at >= '0' && *at <= '9'; ++at) {
    if (value > (UINT64_MAX - 9) / 10) return false;
    value = value * 10 + static_cast<uint64_t>(*at - '0');
  }
  if (at == text) return false;
  const char unit = at < end ? static_cast<char>(*at | 0x20) : '\0';
  const unsigned shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
  if (shift != 0) ++at;
  if (at != end || value > (UINT64_MAX >> shift)) return false;
  *number = value << shift;
  return true;
}

void read_settings(Settings& settings, unsigned processors) {
  if (settings.growth_percent == 0) settings.growth_percent = kGrowthPercent;
  settings.least_growth = kLeastGrowth;
  settings.generations = true;
  settings.generations_from = kGenerationsFrom;
  settings.markers = static_cast<unsigned>(number_from("GC_MARKERS", processors < 2 ? 1 : 2));
  settings.concurrent = settings.markers >= 2;
  settings.concurrent_from = kConcurrentFrom;
  if (environment("GC_FIND_LEAK") != nullptr) settings.find_leaks = true;
  if (environment("GC_DONT_GC") != nullptr) ++settings.disabled;
  if (environment("GC_PRINT_STATS") != nullptr) settings.print_statistics = true;
  const char* text = environment("LOAM_GC");
  while (text != nullptr && *text != '\0') {
    const char* end = strchrnul(text, ':');
    if (end != text && !read_pair(settings, text, end)) complain(text, end);
    text = *end == ':' ? end + 1 : end;
  }
}

uint64_t initial_bytes() { return number_from("GC_INITIAL_HEAP_SIZE", 0); }

uint64_t initial_limit() { return number_from("GC_MAXIMUM_HEAP_SIZE", UINT64_MAX); }

}  // namespace loam::collector
