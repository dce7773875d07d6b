// `loam replay`: what each placement policy, and each real allocator, would have made of a program's allocations.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "tool/bench/replay_allocators.hpp"
#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/commands/replay_verify.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/operation_file.hpp"
#include "tool/model/replay_advice.hpp"
#include "tool/render/heap_picture.hpp"
#include "tool/render/replay.hpp"

namespace loam::tool {
namespace {

namespace detail = loam::detail;

struct ReplayOptions {
  OutputOptions output;
  std::string file;
  std::string policies = "all";
  std::string picture;
  std::string allocators;
  int rounds = 3;
  double speed = 0;
  bool threads = false;
  std::size_t header = 8;
  std::size_t minimum = 16;
  std::size_t alignment = 16;
  std::size_t grow = std::size_t{64} << 10;
  std::size_t shrink = std::size_t{128} << 10;
  std::size_t big = 0;
  std::string source;
  bool verify = false;
};

// 0: it is none.
double factor_of(const std::string& text) {
  char* end = nullptr;
  const double factor = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' || !(factor > 0 && factor < 1e9) ? 0 : factor;
}

std::vector<detail::policy_kind> chosen(const std::string& list) {
  std::vector<detail::policy_kind> kinds;
  for (const std::string& word : split(list, ',')) {
    bool known = word == "all" || word == "none";
    for (unsigned i = 0; i < detail::policy_kinds; ++i) {
      if (word != "all" && word != detail::policy_names[i]) continue;
      kinds.push_back(static_cast<detail::policy_kind>(i));
      known = true;
    }
    if (!known) throw Failure(kExitUsage, fmt::format("replay: no policy is called '{}'", word));
  }
  return kinds;
}

void check(const ReplayOptions& options) {
  if (options.allocators.empty() && (options.threads || options.speed > 0))
    throw Failure(kExitUsage, "replay: --threads and --speed are for --allocator");
  if (!options.picture.empty() && options.policies == "none")
    throw Failure(kExitUsage, "replay: --picture draws policies, and --policy none asks for none");
  if (!std::has_single_bit(options.alignment) || options.alignment < 16 || options.alignment > 4096)
    throw Failure(kExitUsage, "replay: --alignment must be a power of two from 16 to 4096");
  if (!std::has_single_bit(options.grow) || options.grow < 4096)
    throw Failure(kExitUsage, "replay: --grow must be a power of two from 4096 on");
}

ReplaySettings settings_of(const ReplayOptions& options) {
  ReplaySettings settings;
  settings.policy.alignment = options.alignment;
  settings.policy.header = options.header;
  settings.policy.minimum = options.minimum;
  settings.policy.grow_step = options.grow;
  settings.policy.shrink_above = options.shrink;
  settings.big = options.big;
  settings.is_break = options.source.empty() || options.source == "sbrk";
  return settings;
}

// Reads the file once more for each policy: the scale must be known before the first tile is drawn.
void write_picture(const ReplayOptions& options, const Replayed& replayed) {
  PictureFrame frame;
  frame.operations = replayed.demand.operations;
  for (const Placement& of : replayed.placements) frame.bytes = std::max(frame.bytes, of.peak_region);
  std::vector<HeapPicture> pictures;
  for (const detail::policy_kind kind : chosen(options.policies))
    pictures.push_back(draw(*open_operations(options.file), kind, settings_of(options), frame));
  write_output(options.picture, stdout, heap_pictures_svg(options.file, frame, pictures));
}

void replay_allocators(const ReplayOptions& options, const std::vector<bench::Allocator>& allocators,
                       OperationFile& file, Replayed& replayed) {
  file.finish();
  replayed.allocators = bench::replay_allocators(file, allocators, {options.rounds, options.speed});
}

// The region of `loam run` grows and shrinks by steps of its own.
MeasuredRun carry_out(const ReplayOptions& options, detail::policy_kind kind, const ReplayAdvice& advice,
                      const Placement& best) {
  ReplaySettings settings = settings_of(options);
  settings.policy.grow_step = std::size_t{128} << 10;
  settings.policy.shrink_above = std::size_t{256} << 10;
  const std::string source = options.source.empty() ? "mmap" : options.source;
  settings.is_break = source == "sbrk";
  if (advice.helps(best)) settings.big = advice.big;
  const auto again = open_operations(options.file);
  const Replayed predicted = replay(*again, {kind}, settings);
  const VerifiedRun run{best.policy, source == "file" ? "file:/tmp/loam-verify" : source, options.header,
                        settings.big};
  const Verified verified = verify(options.file, run);
  MeasuredRun measured;
  measured.command =
      fmt::format("loam run --policy {} --source {} --policy-header {}", run.policy, run.source, run.header);
  if (run.big != 0) measured.command += fmt::format(" --policy-big {}", run.big);
  measured.predicted_bytes = predicted.placements.front().peak_region;
  measured.measured_bytes = verified.peak_bytes;
  measured.served = verified.served;
  measured.allocations = verified.allocations;
  return measured;
}

Replayed replay_file(const ReplayOptions& options, std::string& remark, bool& damaged) {
  const std::vector<detail::policy_kind> kinds = chosen(options.policies);
  std::vector<bench::Allocator> allocators;
  if (!options.allocators.empty()) allocators = bench::parse_allocators(options.allocators);
  const std::unique_ptr<OperationSource> source = open_operations(options.file);
  std::unique_ptr<OperationFile> file;
  if (!allocators.empty())
    file = std::make_unique<OperationFile>(OperationFile::Options{options.threads, options.speed > 0});
  source->keep_origins();
  SiteBook sites;
  const ReplaySettings settings = settings_of(options);
  Replayed replayed = replay(*source, kinds, settings, [&](auto operations, auto origins) {
    if (!origins.empty() && !kinds.empty()) sites.add(operations, origins);
    if (file != nullptr) file->add(operations, origins);
  });
  replayed.source = options.source;
  remark = source->remark();
  damaged = source->is_damaged();
  if (!kinds.empty()) {
    replayed.recommended = recommended(replayed.placements);
    const detail::policy_kind kind = kinds[replayed.recommended];
    const auto again = open_operations(options.file);
    replayed.advice = advise(*again, kind, settings, replayed.demand, sites.choose());
    const Placement& best = replayed.placements[replayed.recommended];
    if (options.verify) replayed.measured = carry_out(options, kind, replayed.advice, best);
  }
  if (file != nullptr) replay_allocators(options, allocators, *file, replayed);
  return replayed;
}

void run(const ReplayOptions& options) {
  check(options);
  std::string remark;
  bool damaged = false;
  const Replayed replayed = replay_file(options, remark, damaged);
  const Palette palette = options.output.output.empty() ? Palette::for_file(stdout) : Palette(false);
  std::string text = options.output.json() ? replay_json(options.file, replayed)
                                           : replay_text(options.file, replayed, palette);
  if (!options.picture.empty()) {
    write_picture(options, replayed);
    if (!options.output.json()) text += free_pieces_text(replayed.placements);
  }
  write_output(options.output.output, stdout, text);
  if (!remark.empty()) fmt::print(stderr, "loam: {}\n", remark);
  if (damaged) set_exit_status(kExitFailure);
}

}  // namespace

void register_replay(CLI::App& app) {
  CLI::App& command = add_command(
      app, "replay", "Say what placement policies and other allocators would have made of a program's heap",
      "The policies run as they are, on addresses without memory: places, sizes and steps are exact. "
      "Allocators do\n"
      "the operations in processes of their own, which are measured. M op/s of a policy is of its own\n"
      "processor time, without reading FILE, which all of them share; the last line has the rate by the "
      "clock.\n\n"
      "Exit status: 1 where the file cannot be read, or is damaged: then it is replayed as far as it could "
      "be read.\n\n"
      "Examples:\n"
      "  loam replay python3.loam\n"
      "  loam replay --policy none --allocator glibc,loam,/usr/lib/libmine.so python3.loam\n"
      "  loam replay --policy best-fit,tlsf --header 16 --format json trace.txt\n"
      "  loam replay --policy first-fit,buddy --picture heap.svg python3.loam");
  auto options = std::make_shared<ReplayOptions>();
  add_file(command, "FILE", options->file,
           "A recording of loam record, or what heaptrack or mtrace() of the C library wrote");
  add_text(command, "--policy", options->policies, "LIST",
           "all, none, or some of first-fit, next-fit, best-fit, worst-fit, buddy, segregated, tlsf");
  add_text(
      command, "--picture", options->picture, "FILE.svg",
      "Draw the heap under each policy, addresses over time, and say where the free pieces lie at the end");
  add_text(command, "--allocator", options->allocators, "LIST",
           "Some of loam, glibc, jemalloc, mimalloc, tcmalloc, and libraries as /PATH/LIB.so or NAME=/PATH");
  add_number(command, "--rounds", options->rounds, 1, 1000, "How often each allocator does the operations");
  add_flag(command, "--threads", options->threads,
           "Each recorded thread's operations by a thread of its own; else all by one");
  add_judged(
      command, "--speed", "FACTOR",
      "With the recorded times, FACTOR times as fast; without waiting unless given",
      [](const std::string& text) { return factor_of(text) > 0 ? "" : "must be a number above 0"; },
      [options](const std::string& text) { options->speed = factor_of(text); });
  add_number(command, "--header", options->header, "BYTES", "Bytes in front of each block; 8 unless given");
  add_number(command, "--minimum", options->minimum, "BYTES",
             "Smallest block, header included; 16 unless given");
  add_number(command, "--alignment", options->alignment, "BYTES", "Of each block; 16 unless given");
  add_number(command, "--grow", options->grow, "BYTES",
             "The region grows by so much at least; 65536 unless given");
  add_number(command, "--shrink", options->shrink, "BYTES",
             "And shrinks when so much is free at its end, 0 for never; 131072 unless given");
  add_number(command, "--big", options->big, "BYTES",
             "Blocks from this size on get mappings of their own; 0, for none, unless given");
  add_choice(command, "--source", options->source, {"mmap", "sbrk", "file"},
             "Where the region's pages come from, and what could be given back of them at the end");
  add_flag(command, "--verify", options->verify,
           "Run the recorded program again on the policy recommended: predicted beside measured");
  options->output.add_to(command, "standard output");
  on_run(command, [options] { run(*options); });
}

}  // namespace loam::tool
