#include "tool/render/report_page.hpp"

#include "tool/model/failure.hpp"

// The page stands in the read-only data as it is; LOAM_REPORT_PAGE is its path, from the build.
asm(".pushsection .rodata\n"
    ".global loam_report_page_begin\n"
    ".global loam_report_page_end\n"
    "loam_report_page_begin:\n"
    ".incbin \"" LOAM_REPORT_PAGE
    "\"\n"
    "loam_report_page_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern const char loam_report_page_begin[];  // NOLINT(readability-identifier-naming)
extern const char loam_report_page_end[];    // NOLINT(readability-identifier-naming)
}

namespace loam::tool {
namespace {

// Stands once in the page, where the data belongs.
constexpr std::string_view kMark = "@loam-report-data@";

}  // namespace

std::string_view empty_page() {
  return {loam_report_page_begin, static_cast<std::size_t>(loam_report_page_end - loam_report_page_begin)};
}

std::string report_page(std::string_view data) {
  const std::string_view page = empty_page();
  const std::size_t at = page.find(kMark);
  if (at == std::string_view::npos)
    throw Failure(kExitFailure, "the page in this tool has no place for data");
  std::string out;
  out.reserve(page.size() + data.size());
  out += page.substr(0, at);
  out += data;
  out += page.substr(at + kMark.size());
  return out;
}

}  // namespace loam::tool
