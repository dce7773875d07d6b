// `loam export`: a recording in the formats of other tools.

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>

#include "tool/commands/arguments.hpp"
#include "tool/commands/commands.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/recording_reader.hpp"

namespace loam::tool {
namespace {

struct ExportOptions {
  std::string file;
  std::string format = "csv";
  std::string output;
};

// Where the text goes, in pieces: a recording may be larger than memory.
class Out {
 public:
  explicit Out(const std::string& path)
      : path_(path.empty() ? "standard output" : path),
        file_(path.empty() ? stdout : std::fopen(path.c_str(), "we")) {
    if (file_ == nullptr) fail();
  }
  ~Out() {
    if (file_ != stdout && file_ != nullptr) std::fclose(file_);
  }
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;

  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) fail();
  }
  void finish() {
    if (std::fflush(file_) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Failure(kExitFailure, fmt::format("cannot write {}: {}", path_, error_text(errno)));
  }
  std::string path_;
  std::FILE* file_;
};

// One event a line; the halves of a realloc() are a free and an allocation with `resize` 1.
void write_csv(RecordingReader& reader, Out& out) {
  out.write("time_us,thread,event,address,size,alignment,stack,resize\n");
  for (RecordedEvent event; reader.next(event);) {
    out.write(fmt::format("{},{},{},{:#x},{},{},{},{}\n", event.time / 1000, event.thread,
                          event.is_free ? "free" : "allocate", event.address, event.size,
                          event.is_free ? 0 : std::uint64_t{1} << event.alignment_log, event.stack,
                          event.is_resize ? 1 : 0));
  }
}

// "main;work;malloc 4096": bytes that each stack has allocated, the outermost function first, as flame graphs are made of.
void write_folded(RecordingReader& reader, Out& out) {
  std::map<std::uint32_t, std::uint64_t> bytes;
  for (RecordedEvent event; reader.next(event);)
    if (!event.is_free) bytes[event.stack] += event.size;
  Symbols symbols;
  std::map<std::string, std::uint64_t> lines;
  for (const auto& [stack, sum] : bytes) {
    const CallStacks::Text text = reader.stacks().describe(stack, symbols);
    std::string line;
    for (std::size_t i = text.frames.size(); i-- > 0;) {
      std::string name = text.frames[i].function.empty() ? text.frames[i].module : text.frames[i].function;
      for (char& c : name) c = c == ';' || c == '\n' ? ':' : c;
      line += (line.empty() ? "" : ";") + name;
    }
    lines[line.empty() ? "(stack not recorded)" : line] += sum;
  }
  for (const auto& [line, sum] : lines) out.write(fmt::format("{} {}\n", line, sum));
}

void export_recording(const ExportOptions& options) {
  RecordingReader reader(options.file);
  Out out(options.output);
  if (options.format == "csv")
    write_csv(reader, out);
  else
    write_folded(reader, out);
  out.finish();
  if (!reader.remark().empty()) {
    fmt::print(stderr, "loam: {}\n", reader.remark());
    set_exit_status(kExitFailure);
  }
}

}  // namespace

void register_export(CLI::App& app) {
  CLI::App& command = add_command(app, "export", "Write a recording in a format that other tools read",
                                  "csv has a line for each event, for tables and databases; folded a line "
                                  "for each stack with the bytes that it\n"
                                  "allocated, for flame graphs.\n\n"
                                  "Exit status: 0 done, 1 the recording cannot be read, or only up to where "
                                  "it is damaged, 2 wrong usage.\n\n"
                                  "Examples:\n"
                                  "  loam export python3.loam --output events.csv\n"
                                  "  loam export --format folded python3.loam");
  auto options = std::make_shared<ExportOptions>();
  add_file(command, "FILE", options->file, "The recording");
  add_choice(command, "--format", options->format, {"csv", "folded"}, "csv or folded", Default::kShown);
  add_text(command, "--output", options->output, "FILE", "Write to FILE instead of standard output");
  on_run(command, [options] { export_recording(*options); });
}

}  // namespace loam::tool
