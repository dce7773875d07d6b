#include "tool/render/heap_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "tool/render/text.hpp"

namespace loam::tool {
namespace {

constexpr unsigned kPanelWidth = 640;
constexpr unsigned kPanelHeight = 160;
constexpr unsigned kLeft = 70;
constexpr unsigned kTop = 44;       // of the first panel: the legend stands above
constexpr unsigned kHeadline = 22;  // of each panel
constexpr unsigned kBelow = 14;
constexpr unsigned kFoot = 26;  // the time axis

struct Colour {
  double red, green,
      blue;  // 0 to 15: three hexadecimal digits, so that equal runs of tiles are found and the file stays small
};
constexpr Colour kFree{13, 13, 12};
constexpr Colour kLive{2, 6, 11};
constexpr Colour kHeader{12, 2, 2};
constexpr Colour kPadding{14, 10, 1};

int digits(const Colour& colour) {
  const auto round = [](double value) { return static_cast<int>(value + 0.5); };
  return round(colour.red) * 256 + round(colour.green) * 16 + round(colour.blue);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  }
  return out;
}

constexpr int kOutside = -1;
constexpr double kLeastLive = 0.25;

// A tile's colour is that of its parts, mixed by their shares in eighths: finer shades only make short runs. One live block shows in the
// largest tile, since it is what holds the pages around it.
int colour_of(const Tile& tile, std::uint64_t inside, std::uint64_t tile_bytes) {
  if (inside * 2 < tile_bytes) return kOutside;
  const auto eighths = [&](std::uint64_t bytes) {
    return std::floor(8 * static_cast<double>(bytes) / static_cast<double>(inside) + 0.5) / 8;
  };
  const double header = eighths(tile.header);
  const double seen = tile.live == 0 ? 0 : std::max(eighths(tile.live), kLeastLive);
  const double live = std::min(seen, 1 - header);
  const double padding = std::min(eighths(tile.padding), 1 - header - live);
  const double rest = 1 - header - live - padding;
  const auto mix = [&](double Colour::* part) {
    return header * kHeader.*part + live * kLive.*part + padding * kPadding.*part + rest * kFree.*part;
  };
  return digits({mix(&Colour::red), mix(&Colour::green), mix(&Colour::blue)});
}

// Runs of equal tiles as strokes one unit wide, a path a colour.
std::string tiles_svg(const HeapPicture& picture, const PictureFrame& frame) {
  std::map<int, std::string> paths;
  const std::uint64_t tile_bytes = frame.tile_bytes();
  const std::size_t columns = picture.heap.size();
  for (std::size_t row = 0; row < frame.rows; ++row) {
    const auto colour_at = [&](std::size_t column) {
      const std::uint64_t heap = picture.heap[column];
      const std::uint64_t inside = heap - std::min(heap, row * tile_bytes);
      return colour_of(picture.tiles[column * frame.rows + row], std::min(inside, tile_bytes), tile_bytes);
    };
    for (std::size_t column = 0; column < columns;) {
      const int colour = colour_at(column);
      const std::size_t start = column;
      while (column < columns && colour_at(column) == colour) ++column;
      if (colour != kOutside)
        paths[colour] += fmt::format("M{} {}h{}", start, frame.rows - 1 - row, column - start);
    }
  }
  std::string out;
  for (const auto& [colour, path] : paths)
    out += fmt::format("<path stroke=\"#{:03x}\" d=\"{}\"/>\n", colour, path);
  return out;
}

// Where the heap would end if the live bytes lay side by side.
std::string packed_svg(const HeapPicture& picture, const PictureFrame& frame) {
  std::string points;
  for (std::size_t column = 0; column < picture.live.size(); ++column) {
    const double height = static_cast<double>(picture.live[column]) / static_cast<double>(frame.tile_bytes());
    points += fmt::format("{}{:.6g} {:.1f}", column == 0 ? "M" : " ", static_cast<double>(column) + 0.5,
                          frame.rows - height);
  }
  return fmt::format("<path class=\"packed\" d=\"{}\"/>\n", points);
}

std::string summary(const Placement& of) {
  return fmt::format("{}: heap {} at most; with most bytes live {} free, {} headers, {} padding", of.policy,
                     human_bytes(of.peak_heap), human_bytes(of.free_bytes), human_bytes(of.header_bytes),
                     human_bytes(of.padding_bytes));
}

std::string panel_svg(const HeapPicture& picture, const PictureFrame& frame, std::size_t top) {
  const std::size_t plot = top + kHeadline;
  std::string out =
      fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", kLeft, plot - 7, summary(picture.placement));
  out += fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\">{}</text>\n", kLeft - 6, plot + 10,
                     human_bytes(frame.bytes));
  out += fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\">0</text>\n", kLeft - 6, plot + kPanelHeight);
  out += fmt::format(
      "<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" "
      "preserveAspectRatio=\"none\">\n"
      "<g transform=\"translate(0 .5)\" shape-rendering=\"crispEdges\">\n{}</g>\n{}</svg>\n",
      kLeft, plot, kPanelWidth, kPanelHeight, picture.heap.size(), frame.rows, tiles_svg(picture, frame),
      packed_svg(picture, frame));
  return out + fmt::format("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", kLeft,
                           plot, kPanelWidth, kPanelHeight);
}

std::string legend_svg() {
  const std::array<std::pair<const char*, Colour>, 4> parts = {
      {{"live", kLive}, {"header", kHeader}, {"padding", kPadding}, {"free", kFree}}};
  std::string out;
  unsigned x = kLeft;
  for (const auto& [name, colour] : parts) {
    out += fmt::format("<rect x=\"{}\" y=\"26\" width=\"10\" height=\"10\" fill=\"#{:03x}\"/>\n", x,
                       digits(colour));
    out += fmt::format("<text x=\"{}\" y=\"35\">{}</text>\n", x + 14, name);
    x += 80;
  }
  out += fmt::format("<path class=\"packed\" d=\"M{} 31h20\"/>\n", x);
  return out + fmt::format("<text x=\"{}\" y=\"35\">live bytes, if they lay side by side</text>\n", x + 24);
}

constexpr const char* kStyle =
    "<style>text{font:12px sans-serif;fill:#222}.axis{text-anchor:end;fill:#555}"
    ".frame{fill:none;stroke:#888}.packed{fill:none;stroke:#000;stroke-dasharray:4 3;"
    "vector-effect:non-scaling-stroke}</style>\n";

}  // namespace

std::string heap_pictures_svg(const std::string& file, const PictureFrame& frame,
                              const std::vector<HeapPicture>& pictures) {
  constexpr unsigned kPanel = kHeadline + kPanelHeight + kBelow;
  const std::size_t bottom = kTop + kPanel * pictures.size();
  const std::size_t width = kLeft + kPanelWidth + 20;
  const std::size_t height = bottom + kFoot;
  std::string description;
  for (const HeapPicture& picture : pictures) description += summary(picture.placement) + ". ";
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\">\n"
      "<title>The heap of {2}: addresses over time</title>\n<desc>{3}</desc>\n{4}"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n<text x=\"{5}\" y=\"16\">{2}</text>\n{6}",
      width, height, escaped(file), description, kStyle, kLeft, legend_svg());
  for (std::size_t i = 0; i < pictures.size(); ++i) out += panel_svg(pictures[i], frame, kTop + kPanel * i);
  out += fmt::format("<text x=\"{}\" y=\"{}\">addresses upwards, time to the right: {} calls</text>\n", kLeft,
                     bottom + 10, with_thousands(frame.operations));
  return out + "</svg>\n";
}

std::string free_pieces_text(const std::vector<Placement>& placements) {
  Table table;
  std::vector<std::string> head = {""};
  for (unsigned tenth = 1; tenth <= 10; ++tenth) head.push_back(std::to_string(tenth));
  table.row(head);
  for (const Placement& of : placements) {
    std::vector<std::string> cells = {of.policy};
    for (const FreePieces& pieces : of.end_tenths) {
      cells.push_back(pieces.count == 0 ? "-"
                                        : fmt::format("{} x {}", with_thousands(pieces.count),
                                                      human_bytes(pieces.bytes / pieces.count)));
    }
    table.row(cells);
  }
  return "Free pieces at the end, by tenths of the heap from its low end\n" + table.text("  ") +
         "  how many x how large in the mean\n";
}

}  // namespace loam::tool
