// The list of what is measured, read from rows.json beside the benchmark's scripts, and the places of everything that a
// row needs.
//
// Invariant: a list that was returned is complete: every program exists, every input has been generated, every
// placeholder is filled in except {socket}, which belongs to one run.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace loam::tool::bench {

// kProgram: fixed work. kWorkload: fixed work of loam-workload, which tells who served it. kThroughput: loam-workload for
// a fixed time. kServer: a server that is measured while a client, which is not, sends it fixed work.
enum class Kind { kProgram, kWorkload, kThroughput, kServer };

struct Row {
  std::string name;
  std::string group;  // "program" or "synthetic"
  Kind kind = Kind::kProgram;
  std::vector<std::string> command;
  std::vector<std::string> client;
  std::vector<std::string> shutdown;
  std::map<std::string, std::string> environment;
  std::string input;
};

struct Places {
  std::string bench;     // rows.json and the programs' scripts
  std::string cache;     // generated inputs, kept from run to run
  std::string scratch;   // of this run only
  std::string workload;  // the executables of the benchmark
  std::string measure;
  std::string nothing;
  std::string stack_heap;
};

// Finds the installed or built files; makes the cache and the scratch directory.
Places find_places(const std::string& cache);

// Removes the scratch directory.
void leave_places(const Places& places);

// The rows whose name contains `pattern` (all if it is empty), their inputs prepared.
std::vector<Row> load_rows(const Places& places, const std::string& pattern);

}  // namespace loam::tool::bench
