// The flags by which a command hands settings to the runtime: one for each option of the table that is for users.
#pragma once

#include <map>
#include <string>

#include "options/options.hpp"
#include "tool/commands/arguments.hpp"

namespace loam::tool {

// Adds `name=value` to a text for LOAM_OPTIONS, with what the parser would misread escaped. Throws Failure if the
// value is not one that the runtime accepts.
void append_setting(std::string& settings, options::Key key, const std::string& value);

class RuntimeFlags {
 public:
  void add_to(CLI::App& command);

  // The text for LOAM_OPTIONS: what the environment holds already, then the flags, which so have the last word.
  std::string settings() const;
  bool has(options::Key key) const { return given_.contains(key); }

 private:
  std::map<options::Key, std::string> given_;
};

// "purge_delay_ms" is "--purge-delay-ms" on the command line; a switch that is on by default is turned off by "--no-NAME".
std::string flag_name(const options::Option& option);

}  // namespace loam::tool
