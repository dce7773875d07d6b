// The parser of LOAM_OPTIONS: `key=value:key=value`. One pass over a C string, no allocation, no C library,
// and constexpr, so that its rules are checked at compile time below.
//
// Rules: a colon ends a value only where `key=` (letters and underscores) or the end of the text follows, so
// `source=file:/tmp/x` needs no quoting. A backslash takes the next character literally, in case a path does
// contain something like `:a=`. On a bad option the first error is reported, that option keeps its default,
// and the rest is still read: a misspelt option must not change what the others say. Locking: none; touches
// only its arguments.
#pragma once

#include <cstddef>
#include <cstdint>

#include "options/options.hpp"

namespace loam::options {

enum class Error : std::uint8_t { kNone, kUnknownKey, kNoValue, kBadValue, kTooLong, kOutOfRange };

struct Text {
  const char* start = nullptr;
  std::size_t size = 0;
};

struct Result {
  Error error = Error::kNone;
  Text key;    // both point into the parsed text
  Text value;  // as written, escapes included
  std::size_t offset = 0;

  constexpr bool ok() const { return error == Error::kNone; }
};

namespace detail {

constexpr bool is_key_character(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

constexpr bool equal(Text text, const char* word) {
  std::size_t i = 0;
  while (i < text.size && word[i] != '\0' && text.start[i] == word[i]) ++i;
  return i == text.size && word[i] == '\0';
}

constexpr std::size_t key_length(const char* at) {
  std::size_t n = 0;
  while (is_key_character(at[n])) ++n;
  return n;
}

// Does an option begin here (or the text end)? Decides whether a colon before `at` is a border.
constexpr bool is_border(const char* at) {
  const std::size_t n = key_length(at);
  return at[0] == '\0' || (n > 0 && at[n] == '=');
}

constexpr std::size_t value_length(const char* at) {
  std::size_t n = 0;
  while (at[n] != '\0' && !(at[n] == ':' && is_border(at + n + 1))) {
    n += (at[n] == '\\' && at[n + 1] != '\0') ? 2 : 1;
  }
  return n;
}

constexpr Error copy_text(Text value, char (&out)[kTextBytes]) {
  char copy[kTextBytes] = {};
  std::size_t n = 0;
  for (std::size_t i = 0; i < value.size; ++i) {
    if (value.start[i] == '\\' && i + 1 < value.size) ++i;
    if (n + 1 >= kTextBytes) return Error::kTooLong;
    copy[n++] = value.start[i];
  }
  if (n == 0) return Error::kNoValue;
  for (std::size_t i = 0; i < kTextBytes; ++i) out[i] = copy[i];
  return Error::kNone;
}

constexpr Error read_number(Text value, const Option& rule, std::uint64_t& out) {
  std::uint64_t number = 0;
  if (value.size == 0) return Error::kNoValue;
  for (std::size_t i = 0; i < value.size; ++i) {
    const char c = value.start[i];
    if (c < '0' || c > '9') return Error::kBadValue;
    const std::uint64_t digit = static_cast<std::uint64_t>(c - '0');
    if (number > (~std::uint64_t{0} - digit) / 10) return Error::kOutOfRange;
    number = number * 10 + digit;
  }
  if (number < rule.minimum || number > rule.maximum) return Error::kOutOfRange;
  out = number;
  return Error::kNone;
}

constexpr Error read_switch(Text value, bool& out) {
  if (value.size == 0) return Error::kNoValue;
  if (value.size != 1 || (value.start[0] != '0' && value.start[0] != '1')) return Error::kBadValue;
  out = value.start[0] == '1';
  return Error::kNone;
}

constexpr Error read_source(Text value, Values& out) {
  constexpr std::size_t kPrefix = 5;  // "file:"
  if (value.size == 0) return Error::kNoValue;
  if (equal(value, "mmap")) {
    out.source = Source::kMmap;
    return Error::kNone;
  }
  if (equal(value, "sbrk")) {
    out.source = Source::kSbrk;
    return Error::kNone;
  }
  // The colon may be escaped as any other: `file\:a=b` is the file a=b.
  const bool escaped = value.size > kPrefix && equal(Text{value.start, kPrefix + 1}, "file\\:");
  const std::size_t prefix = escaped ? kPrefix + 1 : kPrefix;
  if (value.size <= prefix || !(escaped || equal(Text{value.start, kPrefix}, "file:")))
    return Error::kBadValue;
  const Error error = copy_text(Text{value.start + prefix, value.size - prefix}, out.source_path);
  if (error == Error::kNone) out.source = Source::kFile;
  return error;
}

constexpr Error read_policy(Text value, std::uint8_t& out) {
  if (value.size == 0) return Error::kNoValue;
  for (std::uint8_t i = 0; i < kPolicyCount; ++i) {
    if (!equal(value, kPolicyNames[i])) continue;
    out = i;
    return Error::kNone;
  }
  return Error::kBadValue;
}

constexpr Error assign(const Option& rule, Text value, Values& out) {
  switch (rule.key) {
    case Key::kSource:
      return read_source(value, out);
    case Key::kPolicy:
      return read_policy(value, out.policy);
    case Key::kPolicyHeader:
      return read_number(value, rule, out.policy_header);
    case Key::kPolicyBig:
      return read_number(value, rule, out.policy_big);
    case Key::kStats:
      return copy_text(value, out.stats_path);
    case Key::kLeaks:
      return copy_text(value, out.leaks_path);
    case Key::kVerbose:
      return read_switch(value, out.verbose);
    case Key::kDeny:
      return copy_text(value, out.deny);
    case Key::kPurgeDelayMs:
      return read_number(value, rule, out.purge_delay_ms);
    case Key::kAdvice:
      return read_switch(value, out.advice);
    case Key::kFollow:
      return read_switch(value, out.follow);
    case Key::kStacks:
      return read_switch(value, out.stacks);
    case Key::kSampleBytes:
      return read_number(value, rule, out.sample_bytes);
    case Key::kCheck:
      return copy_text(value, out.check_path);
    case Key::kCheckTier:
      return read_number(value, rule, out.check_tier);
    case Key::kGuardFirst:
      return read_number(value, rule, out.guard_first);
    case Key::kGuardRate:
      return read_number(value, rule, out.guard_rate);
    case Key::kQuarantine:
      return read_number(value, rule, out.quarantine);
    case Key::kFlip:
      return read_switch(value, out.flip);
    case Key::kKeepGoing:
      return read_switch(value, out.keep_going);
    case Key::kRecord:
      return copy_text(value, out.record_path);
    case Key::kRecordStacks:
      return read_switch(value, out.record_stacks);
    case Key::kFailNth:
      return read_number(value, rule, out.fail_nth);
    case Key::kFailFrom:
      return read_number(value, rule, out.fail_from);
    case Key::kCount:
      break;
  }
  return Error::kUnknownKey;
}

constexpr Error assign(Text key, Text value, Values& out) {
  for (const Option& rule : kOptions) {
    if (equal(key, rule.name)) return assign(rule, value, out);
  }
  return Error::kUnknownKey;
}

constexpr bool is_known(Text key) {
  for (const Option& rule : kOptions) {
    if (equal(key, rule.name)) return true;
  }
  return false;
}

}  // namespace detail

// Reads one `key=value` whose parts are known already: how the tool checks the value of a flag.
constexpr Error set(const Option& rule, const char* value, std::size_t size, Values& out) {
  return detail::assign(rule, Text{value, size}, out);
}

// Reads the whole text into `out`; what the text does not name keeps the value it has. nullptr counts as
// empty.
constexpr Result parse(const char* text, Values& out) {
  Result first;
  if (text == nullptr) return first;
  for (const char* at = text; *at != '\0';) {
    if (*at == ':') {
      ++at;
      continue;
    }
    Text key{at, detail::key_length(at)};
    Text value;
    Error error = Error::kNone;
    if (key.size > 0 && at[key.size] == '=') {
      value = Text{at + key.size + 1, detail::value_length(at + key.size + 1)};
      error = detail::assign(key, value, out);
      at = value.start + value.size;
    } else {
      // No `key=`: the whole piece up to the next border is the complaint.
      key.size = detail::value_length(at);
      error = detail::is_known(key) ? Error::kNoValue : Error::kUnknownKey;
      at += key.size;
    }
    if (error != Error::kNone && first.ok()) {
      first = Result{error, key, value, static_cast<std::size_t>(key.start - text)};
    }
  }
  return first;
}

// Is `name` one of the comma-separated names of `list`? For `deny`.
constexpr bool names_contain(const char* list, const char* name) {
  for (const char* at = list; *at != '\0';) {
    std::size_t n = 0;
    while (at[n] != '\0' && at[n] != ',') ++n;
    if (n > 0 && detail::equal(Text{at, n}, name)) return true;
    at += n + (at[n] == ',' ? 1 : 0);
  }
  return false;
}

constexpr const char* reason(Error error) {
  switch (error) {
    case Error::kNone:
      return "no error";
    case Error::kUnknownKey:
      return "unknown option";
    case Error::kNoValue:
      return "value missing for option";
    case Error::kBadValue:
      return "bad value for option";
    case Error::kTooLong:
      return "value too long for option";
    case Error::kOutOfRange:
      return "value out of range for option";
  }
  return "unknown error";
}

// Writes e.g. `bad value for option 'source': 'tape' (mmap|sbrk|file:PATH)` into buffer, cut to its size and
// always ended by a zero byte; returns the length written.
constexpr std::size_t describe(const Result& result, char* buffer, std::size_t capacity) {
  std::size_t used = 0;
  if (capacity == 0) return 0;
  auto put = [&](const char* text, std::size_t size) {
    for (std::size_t i = 0; i < size && used + 1 < capacity; ++i) buffer[used++] = text[i];
  };
  auto word = [&](const char* text) {
    std::size_t n = 0;
    while (text[n] != '\0') ++n;
    put(text, n);
  };
  word(reason(result.error));
  word(" '");
  put(result.key.start, result.key.size);
  word("'");
  if (result.value.size > 0) {
    word(": '");
    put(result.value.start, result.value.size);
    word("'");
  }
  for (const Option& rule : kOptions) {
    if (!detail::equal(result.key, rule.name)) continue;
    word(" (");
    word(rule.value_name);
    word(")");
  }
  buffer[used] = '\0';
  return used;
}

// The defaults of Values are those which the table documents.
constexpr bool defaults_agree() {
  for (const Option& rule : kOptions) {
    if (rule.fallback == nullptr) continue;
    std::size_t n = 0;
    while (rule.fallback[n] != '\0') ++n;
    Values values;
    if (set(rule, rule.fallback, n, values) != Error::kNone) return false;
    const Values fresh;
    if (values.source != fresh.source || values.verbose != fresh.verbose || values.advice != fresh.advice ||
        values.follow != fresh.follow || values.stacks != fresh.stacks ||
        values.sample_bytes != fresh.sample_bytes || values.purge_delay_ms != fresh.purge_delay_ms ||
        values.check_tier != fresh.check_tier || values.guard_first != fresh.guard_first ||
        values.guard_rate != fresh.guard_rate || values.quarantine != fresh.quarantine ||
        values.flip != fresh.flip || values.keep_going != fresh.keep_going ||
        values.fail_nth != fresh.fail_nth || values.fail_from != fresh.fail_from ||
        values.policy_header != fresh.policy_header || values.policy_big != fresh.policy_big) {
      return false;
    }
  }
  return true;
}
static_assert(defaults_agree());

}  // namespace loam::options
