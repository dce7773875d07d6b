// Counted objects that hold each other: a document whose parts know their parent. Without an argument the rings are collected before the end;
// with "lost" they are not, and `loam check` names the fields that hold them; with "thread" a thread that has ended made them.

#include <loam/rc.hpp>
#include <loam/rc_cycles.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct part {
  std::string name;
  loam::rc<part> parent;
  std::vector<loam::rc<part>> children;
  LOAM_RC_FIELDS(parent, children)
};

loam::rc<part> add(const loam::rc<part>& parent, std::string_view name) {
  auto made = loam::make_rc<part>();
  made->name = name;
  made->parent = parent;
  if (parent) parent->children.push_back(made);
  return made;
}

std::size_t count(const part& root) {
  std::size_t sum = 1;
  for (const auto& child : root.children) sum += count(*child);
  return sum;
}

void write_document() {
  const auto document = add(nullptr, "document");
  const auto chapter = add(document, "chapter");
  add(chapter, "first page");
  add(chapter, "second page");
  std::printf("%s with %zu parts\n", document->name.c_str(), count(*document));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "thread")
    std::thread(write_document).join();
  else
    write_document();
  if (mode.empty()) std::printf("%zu parts collected\n", loam::collect_cycles());
}
