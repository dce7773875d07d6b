// The hidden `loam --generate KIND`: prints documentation made from the command line itself.

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <map>
#include <string>

#include "tool/commands/commands.hpp"
#include "tool/render/generate.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

void register_generate(CLI::App& app) {
  using Maker = std::string (*)(const CLI::App&);
  static const std::map<std::string, Maker> kMakers = {{"man", man_page},
                                                       {"bash", bash_completion},
                                                       {"zsh", zsh_completion},
                                                       {"fish", fish_completion},
                                                       {"markdown", markdown_tables}};
  app.add_option_function<std::string>("--generate",
                                       [&app](const std::string& kind) {
                                         const auto maker = kMakers.find(kind);
                                         if (maker == kMakers.end()) {
                                           throw CLI::ValidationError("--generate",
                                                                      "man, bash, zsh, fish or markdown");
                                         }
                                         write_output("", stdout, maker->second(app));
                                         throw CLI::Success();
                                       })
      ->trigger_on_parse()
      ->group("");
}

}  // namespace loam::tool
