// `loam replay`: what each placement policy would have made of a program's allocations.

#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <memory>

#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/render/replay.hpp"

namespace loam::tool {
namespace {

namespace detail = loam::detail;

struct ReplayOptions {
  OutputOptions output;
  std::string file;
  std::string policies = "all";
  std::size_t header = 8;
  std::size_t minimum = 16;
  std::size_t alignment = 16;
  std::size_t grow = std::size_t{64} << 10;
  std::size_t shrink = std::size_t{128} << 10;
};

std::vector<detail::policy_kind> chosen(const std::string& list) {
  std::vector<detail::policy_kind> kinds;
  for (const std::string& word : split(list, ',')) {
    bool known = word == "all";
    for (unsigned i = 0; i < detail::policy_kinds; ++i) {
      if (word != "all" && word != detail::policy_names[i]) continue;
      kinds.push_back(static_cast<detail::policy_kind>(i));
      known = true;
    }
    if (!known) throw Failure(kExitUsage, fmt::format("replay: no policy is called '{}'", word));
  }
  return kinds;
}

void replay_file(const ReplayOptions& options) {
  if (!std::has_single_bit(options.alignment) || options.alignment < 16 || options.alignment > 4096)
    throw Failure(kExitUsage, "replay: --alignment must be a power of two from 16 to 4096");
  if (!std::has_single_bit(options.grow) || options.grow < 4096)
    throw Failure(kExitUsage, "replay: --grow must be a power of two from 4096 on");
  detail::policy_settings settings;
  settings.alignment = options.alignment;
  settings.header = options.header;
  settings.minimum = options.minimum;
  settings.grow_step = options.grow;
  settings.shrink_above = options.shrink;
  const std::vector<detail::policy_kind> kinds = chosen(options.policies);
  const std::unique_ptr<OperationSource> source = open_operations(options.file);
  const Replayed replayed = replay(*source, kinds, settings);
  const Palette palette = options.output.output.empty() ? Palette::for_file(stdout) : Palette(false);
  write_output(options.output.output, stdout,
               options.output.json() ? replay_json(options.file, replayed)
                                     : replay_text(options.file, replayed, palette));
  if (!source->remark().empty()) fmt::print(stderr, "loam: {}\n", source->remark());
}

}  // namespace

void register_replay(CLI::App& app) {
  CLI::App& command = add_command(
      app, "replay", "Say what each placement policy would have made of a program's heap",
      "The policies run as they are, on addresses without memory: places, sizes and steps are exact.\n\n"
      "Examples:\n"
      "  loam replay python3.loam\n"
      "  loam replay --policy best-fit,tlsf --header 16 --format json trace.txt");
  auto options = std::make_shared<ReplayOptions>();
  add_file(command, "FILE", options->file,
           "A recording of loam record, or what heaptrack or mtrace() of the C library wrote");
  add_text(command, "--policy", options->policies, "LIST",
           "all, or some of first-fit, next-fit, best-fit, worst-fit, buddy, segregated, tlsf");
  add_number(command, "--header", options->header, "BYTES", "Bytes in front of each block; 8 unless given");
  add_number(command, "--minimum", options->minimum, "BYTES",
             "Smallest block, header included; 16 unless given");
  add_number(command, "--alignment", options->alignment, "BYTES", "Of each block; 16 unless given");
  add_number(command, "--grow", options->grow, "BYTES",
             "The region grows by so much at least; 65536 unless given");
  add_number(command, "--shrink", options->shrink, "BYTES",
             "And shrinks when so much is free at its end, 0 for never; 131072 unless given");
  options->output.add_to(command, "standard output");
  on_run(command, [options] { replay_file(*options); });
}

}  // namespace loam::tool
