// The stacks of a report as a tree from the outermost frame inwards, with each name once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "tool/model/symbols.hpp"
#include "tool/render/report_columns.hpp"

namespace loam::tool {

class ReportFrames {
 public:
  // The node of the innermost frame; the frames come innermost first.
  std::uint32_t add(const std::vector<SourceFrame>& frames);
  // The frame by which people know a site: the innermost that is not the C++ library's.
  std::uint32_t label(const std::vector<SourceFrame>& frames);
  void write(ReportColumns& columns, Json& head) const;

 private:
  using Frame =
      std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;  // function, file, line, module
  std::uint32_t string(const std::string& text);
  std::uint32_t frame(const SourceFrame& source);

  std::vector<std::string> strings_;
  std::unordered_map<std::string, std::uint32_t> string_numbers_;
  std::vector<Frame> frames_;
  std::map<Frame, std::uint32_t> frame_numbers_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> nodes_;  // parent + 1 (0: none), frame
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> node_numbers_;
};

}  // namespace loam::tool
