#include "tool/model/leaks_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "format/control.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/leak_report.hpp"

namespace loam::tool {

LeaksFolder::LeaksFolder() {
  char name[] = "/tmp/loam-leaks-XXXXXX";
  if (mkdtemp(name) == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot make {}: {}", name, error_text(errno)));
  path_ = name;
}

LeaksFolder::~LeaksFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<LeakReport> read_leaks_folder(const std::string& folder, std::vector<std::string>& failed) {
  constexpr char kPrefix[] = "leaks.";
  std::map<std::uint64_t, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const auto pid = to_number(std::string_view(name).substr(sizeof kPrefix - 1));
    if (pid) files[*pid] = entry.path();
  }
  std::vector<LeakReport> reports;
  for (const auto& [pid, path] : files) {
    const std::string bytes = read_file(path, std::size_t{1} << 30).value_or("");
    format::Reply head{};
    if (bytes.size() >= sizeof head) std::memcpy(&head, bytes.data(), sizeof head);
    if (head.magic != format::kControlMagic || head.answer != format::Answer::kOk) {
      failed.push_back(fmt::format("process {} could not be searched when it ended", pid));
      continue;
    }
    const std::string maps =
        read_file(fmt::format("{}/maps.{}", folder, pid), std::size_t{1} << 28).value_or("");
    const std::vector<char> payload(bytes.begin() + sizeof head, bytes.end());
    try {
      reports.push_back(read_leaks(pid, payload, ModuleMap::of_text(maps)));
    } catch (const Failure& failure) {
      failed.push_back(fmt::format("process {}: {}", pid, failure.what()));
    }
  }
  return reports;
}

}  // namespace loam::tool
