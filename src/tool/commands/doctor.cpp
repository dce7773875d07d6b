// `loam doctor`: what the kernel and the limits of this place allow, and what the kernel charges here.

#include <cstdio>
#include <memory>

#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/render/doctor.hpp"

namespace loam::tool {

void register_doctor(CLI::App& app) {
  CLI::App& command = add_command(
      app, "doctor", "Say what loam can do here, and measure what the kernel charges",
      "Features are tried, not guessed from the kernel's version. Takes less than two seconds.\n\n"
      "Examples:\n"
      "  loam doctor\n"
      "  loam doctor --format json --output here.json");
  auto options = std::make_shared<OutputOptions>();
  options->add_to(command, "standard output");
  on_run(command, [options] {
    const Host host = examine_host();
    const Prices prices = measure_prices(Effort::kThorough);
    const Palette palette = options->output.empty() ? Palette::for_file(stdout) : Palette(false);
    write_output(options->output, stdout,
                 options->json() ? doctor_json(host, prices) : doctor_text(host, prices, palette));
  });
}

}  // namespace loam::tool
