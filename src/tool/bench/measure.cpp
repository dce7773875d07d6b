#include "tool/bench/measure.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tool/bench/spawn.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool::bench {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Environment = std::map<std::string, std::string>;

constexpr int kTimeoutSeconds = 120;
constexpr int kServerStartMilliseconds = 10000;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Failure failed(const Row& row, const Allocator& allocator, const std::string& what) {
  return {kExitFailure, "row " + row.name + " under " + allocator.name + ": " + what};
}

struct Files {
  std::string result, output, errors, socket;
};

Files files_in(const std::string& scratch) {
  return {scratch + "/result", scratch + "/output", scratch + "/errors", scratch + "/socket"};
}

// The program sees this environment and nothing of the user's: no option can reach any of the contestants.
Environment environment_of(const Row& row, const Allocator& allocator, const Places& places) {
  Environment environment{{"PATH", "/usr/bin:/bin"},
                          {"HOME", places.scratch},
                          {"LC_ALL", "C.UTF-8"},
                          {"GIT_CONFIG_NOSYSTEM", "1"},
                          {"LD_PRELOAD", allocator.library}};
  for (const auto& [name, value] : row.environment) environment[name] = value;
  return environment;
}

std::vector<std::string> launcher(const Row& row, const Environment& environment, const Places& places) {
  const Files files = files_in(places.scratch);
  std::vector<std::string> command{places.measure, "--result",   files.result,
                                   "--stdout",     files.output, "--stderr",
                                   files.errors,   "--timeout",  std::to_string(kTimeoutSeconds)};
  for (const auto& [name, value] : environment) {
    command.insert(command.end(), {"--env", fmt::format("{}={}", name, value)});
  }
  if (!row.input.empty()) command.insert(command.end(), {"--stdin", row.input});
  command.emplace_back("--");
  for (const std::string& word : row.command) command.push_back(word == "{socket}" ? files.socket : word);
  return command;
}

bool wait_for_socket(const std::string& path, pid_t launcher_process) {
  for (int waited = 0; waited < kServerStartMilliseconds; waited += 5) {
    struct stat status{};
    if (stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) return true;
    if (has_ended(launcher_process)) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

int run_command(std::vector<std::string> command, const std::string& socket, const std::string& output) {
  for (std::string& word : command) {
    if (word == "{socket}") word = socket;
  }
  return finish(start(command, output));
}

// The server runs in the background while its client, which is not measured and not preloaded, sends the work.
void run_server(const Row& row, const Allocator& allocator, const Places& places) {
  const Files files = files_in(places.scratch);
  fs::remove(files.socket);
  const pid_t process = start(launcher(row, environment_of(row, allocator, places), places), {});
  if (!wait_for_socket(files.socket, process)) {
    kill(process, SIGKILL);
    finish(process);
    throw failed(row, allocator, "the server did not start: " + content_of(files.output));
  }
  const int client = run_command(row.client, files.socket, places.scratch + "/client");
  const int shutdown = run_command(row.shutdown, files.socket, places.scratch + "/client");
  if (client != 0 || shutdown != 0) kill(process, SIGKILL);
  finish(process);
  if (client != 0)
    throw failed(row, allocator, "the client failed: " + content_of(places.scratch + "/client"));
  if (shutdown != 0) throw failed(row, allocator, "the server could not be shut down");
}

Sample read_result(const Row& row, const Allocator& allocator, const Files& files) {
  const Json result = Json::parse_or_null(content_of(files.result));
  if (result.is_null()) throw failed(row, allocator, "no result from loam-measure");
  if (result.at("signal").get<int>() != 0 || result.at("exit").get<int>() != 0) {
    throw failed(row, allocator,
                 "exit status " + result.at("exit").text() + ", signal " + result.at("signal").text() + ": " +
                     content_of(files.errors).substr(0, 300));
  }
  Sample sample;
  sample.wall = result.at("wall").get<double>();
  sample.cpu = result.at("user").get<double>() + result.at("system").get<double>();
  sample.peak_rss_kib = result.at("peak_rss_kib").get<double>();
  sample.minor_faults = result.at("minor_faults").get<double>();
  sample.major_faults = result.at("major_faults").get<double>();
  if (!result.at("cycles").is_null()) {
    sample.cycles = result.at("cycles").get<double>();
  } else {
    sample.cycles_reason = result.at("cycles_reason").get<std::string>();
  }
  return sample;
}

bool same_library(const std::string& path, const Allocator& allocator) {
  std::error_code error;
  return fs::equivalent(path, allocator.library, error) && !error;
}

// loam-workload writes the library of malloc to standard error as its last word.
void check_server(const Row& row, const Allocator& allocator, const std::string& errors) {
  const std::size_t at = errors.rfind("malloc ");
  const std::string path =
      at == std::string::npos ? "" : errors.substr(at + 7, errors.find('\n', at) - at - 7);
  if (!same_library(path, allocator)) throw failed(row, allocator, "malloc was served by \"" + path + "\"");
}

}  // namespace

Sample measure(const Row& row, const Allocator& allocator, const Places& places) {
  const Files files = files_in(places.scratch);
  fs::remove(files.result);
  if (row.kind == Kind::kServer) {
    run_server(row, allocator, places);
    return read_result(row, allocator, files);
  }
  if (finish(start(launcher(row, environment_of(row, allocator, places), places), {})) != 0) {
    throw failed(row, allocator, "loam-measure failed");
  }
  Sample sample = read_result(row, allocator, files);
  const std::string output = content_of(files.output);
  if (row.kind == Kind::kThroughput) {
    sample.throughput = std::stod(output.substr(output.find(' ')));
  } else {
    sample.output_hash = std::hash<std::string>{}(output);
  }
  if (row.kind != Kind::kProgram) check_server(row, allocator, content_of(files.errors));
  return sample;
}

double measure_nothing(const Allocator& allocator, const Places& places) {
  Row row;
  row.name = "nothing";
  row.command = {places.nothing};
  return measure(row, allocator, places).peak_rss_kib;
}

namespace {

struct Binding {
  std::string from, to, symbol;
};

// `   123: binding file A [0] to B [0]: normal symbol `malloc' [VERSION]`
std::vector<Binding> read_bindings(const std::string& record) {
  std::vector<Binding> bindings;
  std::istringstream lines(record);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t from = line.find("binding file ");
    const std::size_t to = line.find(" [0] to ");
    const std::size_t symbol = line.find(": normal symbol `");
    if (from == std::string::npos || to == std::string::npos || symbol == std::string::npos) continue;
    bindings.push_back({line.substr(from + 13, to - from - 13),
                        line.substr(to + 8, line.find(" [", to + 8) - to - 8),
                        line.substr(symbol + 17, line.find('\'', symbol) - symbol - 17)});
  }
  return bindings;
}

// An executable at a fixed address lends its own PLT entry of a function as the function's address to all libraries. Such
// a binding leads to wherever the executable itself is bound, so it is followed.
bool leads_to(const Binding& binding, const std::vector<Binding>& all, const Allocator& allocator) {
  if (same_library(binding.to, allocator)) return true;
  return std::any_of(all.begin(), all.end(), [&](const Binding& other) {
    return other.from == binding.to && other.symbol == binding.symbol && same_library(other.to, allocator);
  });
}

void check_bindings(const Row& row, const Allocator& allocator, const std::string& record) {
  const std::vector<Binding> bindings = read_bindings(record);
  bool binds_malloc = false;
  for (const Binding& binding : bindings) {
    const std::string& name = binding.symbol;
    if (name != "malloc" && name != "free" && name != "calloc" && name != "realloc") continue;
    binds_malloc = binds_malloc || name == "malloc";
    if (leads_to(binding, bindings, allocator)) continue;
    throw failed(row, allocator, name + " of " + binding.from + " is bound to " + binding.to);
  }
  if (!binds_malloc) throw failed(row, allocator, "the program binds no malloc (statically linked?)");
}

// The dynamic linker writes one file for each process; the first that is complete is the program's own.
std::string wait_for_record(const std::string& directory, pid_t process) {
  std::string record;
  for (int waited = 0; waited < kServerStartMilliseconds; waited += 2) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      record = content_of(entry.path().string());
      if (record.find("transferring control: ") != std::string::npos) return record;
    }
    record.clear();
    if (waited > 200 && has_ended(process)) return record;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return record;
}

}  // namespace

void prove(const Row& row, const Allocator& allocator, const Places& places) {
  if (row.kind == Kind::kWorkload || row.kind == Kind::kThroughput) return;
  const std::string directory = places.scratch + "/bindings";
  fs::remove_all(directory);
  fs::create_directory(directory);
  fs::remove(files_in(places.scratch).socket);
  Environment environment = environment_of(row, allocator, places);
  environment["LD_DEBUG"] = "bindings,libs";
  environment["LD_DEBUG_OUTPUT"] = directory + "/record";
  environment["LD_BIND_NOW"] = "1";
  const pid_t process = start(launcher(row, environment, places), {});
  const std::string record = wait_for_record(directory, process);
  kill(process, SIGKILL);
  finish(process);
  if (record.empty()) throw failed(row, allocator, "the dynamic linker left no record of its bindings");
  check_bindings(row, allocator, record);
}

}  // namespace loam::tool::bench
