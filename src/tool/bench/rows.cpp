#include "tool/bench/rows.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tool/bench/allocators.hpp"
#include "tool/bench/spawn.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool::bench {
namespace {

namespace fs = std::filesystem;

std::string helper(const std::string& name) {
  const std::string path = find_beside({"../libexec/loam/" + name});
  if (path.empty()) {
    throw Failure(kExitUsage,
                  name +
                      " is missing: build the benchmarks or install them (looked in ../libexec/loam beside " +
                      executable_directory() + ")");
  }
  return path;
}

std::string default_cache() {
  if (const char* cache = environment("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return std::string(cache) + "/loam/bench";
  }
  if (const char* home = environment("HOME"); home != nullptr && *home == '/') {
    return std::string(home) + "/.cache/loam/bench";
  }
  return "/tmp/loam-bench-" + std::to_string(getuid());
}

std::string first_line_of(const std::vector<std::string>& command) {
  std::string line = capture(command);
  return line.substr(0, line.find('\n'));
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A generated input belongs to the text of its generator: another text makes it again.
void prepare(const Places& places, const std::string& kind) {
  const fs::path script = fs::path(places.bench) / "programs" / "make_inputs.py";
  const std::string wanted = std::to_string(
      std::hash<std::string>{}(content_of(script) + content_of(script.parent_path() / "heavy.cpp")));
  const fs::path stamp = fs::path(places.cache) / (kind + ".made");
  if (content_of(stamp) == wanted) return;
  const std::vector<std::string> command{"/usr/bin/python3", script.string(), kind, places.cache};
  if (!fs::exists(command[0]))
    throw Failure(kExitUsage, "python3 is missing: install the Debian package python3");
  if (run_plainly(command) != 0)
    throw Failure(kExitFailure, "could not generate the input \"" + kind + "\" in " + places.cache);
  std::ofstream(stamp) << wanted;
}

using Names = std::map<std::string, std::string>;

std::string fill_in(std::string text, const Names& names) {
  for (const auto& [name, value] : names) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

std::vector<std::string> words(const Json& entry, const char* key, const Names& names) {
  std::vector<std::string> result;
  for (const Json& word : entry.contains(key) ? entry.at(key) : Json::array())
    result.push_back(fill_in(word.get<std::string>(), names));
  return result;
}

std::string text_or(const Json& entry, const char* key, const char* otherwise) {
  return entry.contains(key) ? entry.at(key).get<std::string>() : otherwise;
}

Kind kind_of(const Json& entry) {
  static const std::map<std::string, Kind> kKinds{{"program", Kind::kProgram},
                                                  {"workload", Kind::kWorkload},
                                                  {"throughput", Kind::kThroughput},
                                                  {"server", Kind::kServer}};
  const auto kind = kKinds.find(text_or(entry, "kind", "program"));
  if (kind == kKinds.end()) throw Failure(kExitUsage, "rows.json: unknown kind in " + entry.text());
  return kind->second;
}

void require(const std::string& program, const std::string& package) {
  if (access(program.c_str(), X_OK) == 0) return;
  throw Failure(kExitUsage, program + " is missing: install the Debian package " + package);
}

Row read_row(const Json& entry, const Places& places, Names names) {
  Row row;
  row.name = entry.at("name").get<std::string>();
  row.group = entry.at("group").get<std::string>();
  row.kind = kind_of(entry);
  if (row.kind == Kind::kWorkload || row.kind == Kind::kThroughput) {
    row.command = {places.workload, row.name};
    return row;
  }
  const std::string package = entry.at("package").get<std::string>();
  if (row.name == "cc1plus") {
    require("/usr/bin/g++", package);
    names["{cc1plus}"] = first_line_of({"/usr/bin/g++", "-print-prog-name=cc1plus"});
  }
  row.command = words(entry, "command", names);
  row.client = words(entry, "client", names);
  row.shutdown = words(entry, "shutdown", names);
  row.input = fill_in(text_or(entry, "input", ""), names);
  const Json& variables = entry.find("environment");
  for (const std::string& name : variables.names())
    row.environment[name] = variables.at(name).get<std::string>();
  if (row.command.empty()) throw Failure(kExitUsage, "rows.json: row " + row.name + " has no command");
  require(row.command[0], package);
  if (!row.client.empty()) require(row.client[0], entry.at("client_package").get<std::string>());
  if (entry.contains("prepare")) prepare(places, entry.at("prepare").get<std::string>());
  return row;
}

}  // namespace

Places find_places(const std::string& cache) {
  Places places;
  places.workload = helper("loam-workload");
  places.measure = helper("loam-measure");
  places.nothing = helper("loam-nothing");
  places.stack_heap = helper("loam-stack-heap");
  places.bench = find_beside({"../share/loam/bench"});
  if (places.bench.empty()) {
    throw Failure(kExitUsage, "the benchmark's programs are missing: looked for ../share/loam/bench beside " +
                                  executable_directory());
  }
  std::error_code error;
  fs::create_directories(cache.empty() ? default_cache() : cache, error);
  if (error)
    throw Failure(kExitUsage, "cannot make the cache directory: " + error.message() + " (see --cache)");
  places.cache = fs::canonical(cache.empty() ? default_cache() : cache).string();
  std::string pattern = (fs::temp_directory_path() / "loam-bench-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    throw Failure(kExitUsage, "cannot make a scratch directory like " + pattern);
  places.scratch = pattern;
  return places;
}

void leave_places(const Places& places) {
  std::error_code ignored;
  fs::remove_all(places.scratch, ignored);
}

std::vector<Row> load_rows(const Places& places, const std::string& pattern) {
  std::vector<Row> rows;
  const Names names{{"{bench}", places.bench}, {"{cache}", places.cache}, {"{scratch}", places.scratch}};
  try {
    const Json list = Json::parse(content_of(fs::path(places.bench) / "rows.json"));
    for (const Json& entry : list.at("rows")) {
      if (entry.at("name").get<std::string>().find(pattern) == std::string::npos) continue;
      rows.push_back(read_row(entry, places, names));
    }
  } catch (const JsonError& error) {
    throw Failure(kExitUsage, places.bench + "/rows.json: " + error.what());
  }
  if (rows.empty()) throw Failure(kExitUsage, "no row's name contains \"" + pattern + "\"");
  return rows;
}

}  // namespace loam::tool::bench
