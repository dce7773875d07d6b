#include "tool/commands/runtime_flags.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "options/parse.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

// Empty if the runtime accepts the value, else a sentence.
std::string complaint(const options::Option& rule, const std::string& value) {
  options::Values scratch;
  const options::Error error = options::set(rule, value.c_str(), value.size(), scratch);
  if (error == options::Error::kNone) return {};
  return fmt::format("{} '{}': '{}' (expected {})", options::reason(error), rule.name, value,
                     rule.value_name);
}

// A colon is escaped where the parser would take it for the border of the next option, a backslash always.
std::string escape(const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool border = value[i] == ':' && options::detail::is_border(value.c_str() + i + 1);
    if (border || value[i] == '\\') out += '\\';
    out += value[i];
  }
  return out;
}

// Of a switch: whether it is on unless somebody says otherwise.
bool is_on(const options::Option& rule) { return rule.fallback != nullptr && rule.fallback[0] == '1'; }

}  // namespace

std::string flag_name(const options::Option& option) {
  std::string name = option.type == options::Type::kSwitch && is_on(option) ? "--no-" : "--";
  for (const char* c = option.name; *c != '\0'; ++c) name += *c == '_' ? '-' : *c;
  return name;
}

void append_setting(std::string& settings, options::Key key, const std::string& value) {
  const options::Option& rule = options::option(key);
  const std::string problem = complaint(rule, escape(value));
  if (!problem.empty()) throw Failure(kExitUsage, problem);
  if (!settings.empty()) settings += ':';
  settings += fmt::format("{}={}", rule.name, escape(value));
}

void RuntimeFlags::add_to(CLI::App& command) {
  for (const options::Option& rule : options::kOptions) {
    if (rule.audience != options::Audience::kUser) continue;
    const auto check = [&rule](const std::string& value) { return complaint(rule, value); };
    std::string sentence = rule.sentence;
    if (rule.type == options::Type::kSwitch) {
      add_flag(
          command, flag_name(rule), [this, &rule] { given_[rule.key] = is_on(rule) ? "0" : "1"; },
          fmt::format("Sets {}={}. {}", rule.name, is_on(rule) ? 0 : 1, sentence));
      continue;
    }
    if (rule.fallback != nullptr) sentence += fmt::format(" Default {}.", rule.fallback);
    add_judged(command, flag_name(rule), rule.value_name, sentence, check,
               [this, &rule](const std::string& value) { given_[rule.key] = value; });
  }
}

std::string RuntimeFlags::settings() const {
  const char* inherited = environment("LOAM_OPTIONS");
  std::string text = inherited == nullptr ? "" : inherited;
  options::Values scratch;
  const options::Result result = options::parse(text.c_str(), scratch);
  if (!result.ok()) {
    char message[512];
    options::describe(result, message, sizeof message);
    throw Failure(kExitUsage, fmt::format("LOAM_OPTIONS: {}", message));
  }
  for (const auto& [key, value] : given_) append_setting(text, key, value);
  return text;
}

}  // namespace loam::tool
