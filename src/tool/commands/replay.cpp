// `loam replay`: what each placement policy would have made of a program's allocations.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <memory>

#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
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

// Reads the file once more for each policy: the scale must be known before the first tile is drawn.
void write_picture(const ReplayOptions& options, const std::vector<detail::policy_kind>& kinds,
                   const detail::policy_settings& settings, const Replayed& replayed) {
  PictureFrame frame;
  frame.operations = replayed.demand.operations;
  for (const Placement& of : replayed.placements) frame.bytes = std::max(frame.bytes, of.peak_heap);
  std::vector<HeapPicture> pictures;
  for (const detail::policy_kind kind : kinds)
    pictures.push_back(draw(*open_operations(options.file), kind, settings, frame));
  write_output(options.picture, stdout, heap_pictures_svg(options.file, frame, pictures));
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
  std::string text = options.output.json() ? replay_json(options.file, replayed)
                                           : replay_text(options.file, replayed, palette);
  if (!options.picture.empty()) {
    write_picture(options, kinds, settings, replayed);
    if (!options.output.json()) text += free_pieces_text(replayed.placements);
  }
  write_output(options.output.output, stdout, text);
  if (!source->remark().empty()) fmt::print(stderr, "loam: {}\n", source->remark());
}

}  // namespace

void register_replay(CLI::App& app) {
  CLI::App& command = add_command(
      app, "replay", "Say what each placement policy would have made of a program's heap",
      "The policies run as they are, on addresses without memory: places, sizes and steps are exact.\n\n"
      "Examples:\n"
      "  loam replay python3.loam\n"
      "  loam replay --policy best-fit,tlsf --header 16 --format json trace.txt\n"
      "  loam replay --policy first-fit,buddy --picture heap.svg python3.loam");
  auto options = std::make_shared<ReplayOptions>();
  add_file(command, "FILE", options->file,
           "A recording of loam record, or what heaptrack or mtrace() of the C library wrote");
  add_text(command, "--policy", options->policies, "LIST",
           "all, or some of first-fit, next-fit, best-fit, worst-fit, buddy, segregated, tlsf");
  add_text(
      command, "--picture", options->picture, "FILE.svg",
      "Draw the heap under each policy, addresses over time, and say where the free pieces lie at the end");
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
