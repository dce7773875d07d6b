// `loam compare`: two recordings, or one program under many allocators.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "tool/bench/allocators.hpp"
#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/commands/progress.hpp"
#include "tool/commands/runtime_flags.hpp"
#include "tool/model/compare.hpp"
#include "tool/model/compare_runs.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/heap_events.hpp"
#include "tool/model/program.hpp"
#include "tool/model/simulation.hpp"
#include "tool/render/compare.hpp"
#include "tool/render/compare_runs.hpp"

namespace loam::tool {
namespace {

constexpr int kMostRounds = 100;

struct CompareOptions {
  OutputOptions output;
  // Of two recordings:
  std::string before;
  std::string after;
  std::string by;
  std::string binary;
  std::uint64_t limit = 20;
  // Of a program:
  std::string policies;
  std::string sources;
  std::string allocators;
  std::string input;
  std::string library;
  int rounds = 3;
};

void write(const CompareOptions& options, const std::string& text) {
  write_output(options.output.output, stdout, text);
}

Palette palette_of(const CompareOptions& options) {
  return options.output.output.empty() ? Palette::for_file(stdout) : Palette(false);
}

void remark(const std::string& name, const RecordingFacts& facts) {
  for (const std::string& remark : facts.remarks) fmt::print(stderr, "loam: {}: {}\n", name, remark);
  if (facts.is_damaged) set_exit_status(kExitFailure);
}

void compare_files(const CompareOptions& options) {
  if (options.after.empty())
    throw Failure(kExitUsage,
                  "compare: two recordings are needed, or -- and a program; see 'loam compare --help'");
  const std::unique_ptr<HeapEvents> before = open_events(options.before);
  const std::unique_ptr<HeapEvents> after = open_events(options.after);
  before->look_in_all(options.binary);
  after->look_in_all(options.binary);
  const Comparison comparison = compare(*before, *after, compare_by(options.by));
  const CompareNames names{options.before, options.after};
  write(options, options.output.json() ? compare_json(comparison, names, options.limit)
                                       : compare_text(comparison, names, options.limit, palette_of(options)));
  remark(options.before, comparison.before.facts);
  remark(options.after, comparison.after.facts);
}

// Of a list with commas: "all" stands for everything, "none" for nothing.
std::vector<std::string> chosen(const std::string& list, const std::vector<std::string>& all,
                                const std::string& what) {
  std::vector<std::string> words;
  for (const std::string& word : split(list.empty() ? "all" : list, ',')) {
    if (word == "none") continue;
    if (word == "all") {
      words.insert(words.end(), all.begin(), all.end());
      continue;
    }
    if (std::find(all.begin(), all.end(), word) == all.end())
      throw Failure(kExitUsage, fmt::format("compare: no {} is called '{}'", what, word));
    words.push_back(word);
  }
  return words;
}

std::vector<bench::Allocator> chosen_allocators(const std::string& list) {
  if (list.empty()) return bench::installed_peers();
  return list == "none" ? std::vector<bench::Allocator>{} : bench::parse_allocators(list);
}

// One of loam's own: by policy (empty: none) and source.
Candidate candidate_of(const std::string& policy, const std::string& source, const std::string& library,
                       const std::string& scratch) {
  Candidate out;
  out.allocator = "loam";
  out.policy = policy;
  out.source = source;
  out.name = (policy.empty() ? "loam" : policy) + " " + source;
  out.library = library;
  out.settings = RuntimeFlags().settings();
  append_setting(out.settings, options::Key::kSource,
                 source == "file" ? "file:" + scratch + "/heap" : source);
  if (!policy.empty()) append_setting(out.settings, options::Key::kPolicy, policy);
  return out;
}

std::vector<Candidate> candidates_of(const CompareOptions& options, const std::string& scratch) {
  namespace detail = loam::detail;
  std::vector<std::string> all_policies;
  for (unsigned i = 0; i < detail::policy_kinds; ++i) all_policies.emplace_back(detail::policy_names[i]);
  const std::vector<std::string> sources = chosen(options.sources, {"mmap", "sbrk", "file"}, "source");
  const std::vector<std::string> policies = chosen(options.policies, all_policies, "policy");
  const std::string library = find_library(options.library);
  std::vector<Candidate> out;
  for (const char* name : {"glibc", "glibc again"}) {
    out.emplace_back().name = name;
    out.back().allocator = "glibc";
  }
  for (const bench::Allocator& allocator : chosen_allocators(options.allocators)) {
    if (allocator.name == "glibc") continue;
    out.emplace_back().name = allocator.name;
    out.back().allocator = allocator.name;
    out.back().library = allocator.library;
  }
  for (const std::string& source : sources) out.push_back(candidate_of("", source, library, scratch));
  for (const std::string& policy : policies) {
    for (const std::string& source : sources) out.push_back(candidate_of(policy, source, library, scratch));
  }
  return out;
}

void compare_program(const CompareOptions& options) {
  if (!options.before.empty())
    throw Failure(kExitUsage, "compare: either two recordings or -- and a program, not both");
  const std::vector<std::string>& arguments = program_arguments();
  const Program program = resolve_program(arguments.front());
  for (const std::string& warning : program.warnings) fmt::print(stderr, "loam: warning: {}\n", warning);
  const ScratchFolder scratch;
  RunsPlan plan;
  plan.path = program.path;
  plan.arguments = arguments;
  plan.candidates = candidates_of(options, scratch.path());
  plan.rounds = options.rounds;
  plan.input = options.input;
  plan.scratch = scratch.path();
  const RunsComparison comparison = compare_runs(plan, show_progress);
  write(options, options.output.json() ? compare_runs_json(comparison)
                                       : compare_runs_text(comparison, palette_of(options)));
  if (comparison.has_failures()) set_exit_status(kExitFailure);
}

void add_options(CLI::App& command, const std::shared_ptr<CompareOptions>& options) {
  add_optional_file(command, "BEFORE", options->before, "A recording of loam record");
  add_optional_file(command, "AFTER", options->after,
                    "Another one of the same program, or of its next version");
  add_choice(command, "--by", options->by, {"live", "peak", "bytes", "count"},
             "Which difference counts: bytes live at the end, at the peak, allocated, or allocations");
  add_number(command, "--limit", options->limit, "N", "At most N call sites, 0 for all; 20 unless given");
  add_text(command, "--binary", options->binary, "FILE,...",
           "Where a module was built anew since it was recorded: its file of then, or a folder with it");
  add_number(command, "--rounds", options->rounds, 1, kMostRounds,
             "Times that the program is run under every allocator");
  add_text(command, "--policy", options->policies, "LIST",
           "none, all, or some of first-fit, next-fit, best-fit, worst-fit, buddy, segregated, tlsf; all "
           "unless given");
  add_text(command, "--source", options->sources, "LIST",
           "Where loam and its policies take pages from: some of mmap, sbrk, file; all unless given");
  add_text(
      command, "--allocator", options->allocators, "LIST",
      "none, or some of jemalloc, mimalloc, tcmalloc, LIBRARY, NAME=LIBRARY; those installed unless given");
  add_text(command, "--input", options->input, "FILE", "What the program reads; nothing unless given");
  add_text(command, "--library", options->library, "FILE",
           "Preload this libloam.so instead of the one beside the tool");
  options->output.add_to(command, "standard output");
}

}  // namespace

void register_compare(CLI::App& app) {
  CLI::App& command = add_command(
      app, "compare", "Compare two recordings, or one program under many allocators",
      "Of two recordings it tells, by call site, what grew, what is new and what is gone, also when the "
      "program\n"
      "was built anew in between. A program behind -- is run under glibc, loam, the placement policies and "
      "other\n"
      "allocators; its output is taken and must be the same under each.\n\n"
      "Exit status: 0 done, 1 a recording cannot be read to its end, or the program ended otherwise or "
      "wrote\n"
      "something else under one of them, 2 wrong usage, 125 loam cannot serve the program, 126 program not\n"
      "executable, 127 program not found.\n\n"
      "Examples:\n"
      "  loam compare before.loam after.loam\n"
      "  loam compare --by peak --limit 5 before.loam after.loam\n"
      "  loam compare -- python3 script.py\n"
      "  loam compare --policy best-fit,tlsf --source mmap --allocator none --rounds 5 -- ./server --once",
      Takes::kProgram);
  auto options = std::make_shared<CompareOptions>();
  add_options(command, options);
  on_run(command, [options] {
    if (program_arguments().empty())
      compare_files(*options);
    else
      compare_program(*options);
  });
}

}  // namespace loam::tool
