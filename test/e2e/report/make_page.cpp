// make_page EVENTS plain|hostile FILE [POLICIES FINDINGS]: the report page of the synthetic heap, for the test in a browser; compared
// with the plain one that ran for a fifth of the time less.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "synthetic.hpp"
#include "tool/model/files.hpp"
#include "tool/render/report_page.hpp"

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) return 2;
  loam::test::SyntheticHeap heap(std::strtoull(argv[1], nullptr, 10), std::string(argv[2]) == "hostile");
  loam::test::SyntheticHeap earlier(std::strtoull(argv[1], nullptr, 10) / 5 * 4, false);
  const loam::tool::Comparison comparison = loam::tool::compare(earlier, heap, loam::tool::CompareBy::kLive);
  const auto report = loam::tool::make_report(heap, {});
  loam::tool::ReportBeside beside;
  beside.comparison = &comparison;
  if (argc == 6) {
    beside.policies = loam::tool::Json::parse(loam::tool::read_file(argv[4]).value());
    beside.findings = loam::tool::Json::parse(loam::tool::read_file(argv[5]).value());
  }
  std::ofstream out(argv[3], std::ios::binary);
  out << loam::tool::report_page(loam::tool::report_data(*report, heap, beside));
  return out.good() ? 0 : 1;
}
