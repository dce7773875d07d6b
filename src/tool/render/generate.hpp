// Documentation made from the command line itself: the manual page, shell completions, and the tables of docs/cli.md.
// What the tool accepts and what is written about it cannot differ, a test compares the files in the tree.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace loam::tool {

std::string man_page(const CLI::App& app);
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);
std::string markdown_tables(const CLI::App& app);

}  // namespace loam::tool
