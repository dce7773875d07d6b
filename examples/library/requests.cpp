// A request loop with the managers of loam: an arena for what ends with a request, a pool for what outlives it.
//   g++ -std=c++20 -g requests.cpp -o requests        (the headers alone; no library to link)
//   ./requests                 prints three answers
//   ./requests reset           reads from the arena after its reset: run it under `loam check`
//   ./requests double-free     frees a session twice: refused, in every build
//   ./requests lost            drops the last pointer to a session: a leak under `loam check`
#include <loam/arena.hpp>
#include <loam/arena_resource.hpp>
#include <loam/pool.hpp>

#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

struct session {
  int number;
  int requests = 0;
};

std::string_view answer(loam::arena& memory, session& of, std::string_view request) {
  ++of.requests;
  std::vector<std::string_view, loam::arena_allocator<std::string_view>> words{
      loam::arena_allocator<std::string_view>(memory)};
  while (!request.empty()) {
    const auto space = request.find(' ');
    words.push_back(request.substr(0, space));
    request = space == std::string_view::npos ? "" : request.substr(space + 1);
  }
  char* text = static_cast<char*>(memory.allocate(64, 1));
  std::snprintf(text, 64, "session %d, request %d: %zu words", of.number, of.requests, words.size());
  return text;
}

}  // namespace

int main(int count, char** arguments) {
  const char* mode = count > 1 ? arguments[1] : "";
  // As long as the process lives: its end does not destroy what is left in the pool, so that what was lost counts as lost.
  static auto& sessions = *new loam::pool<session>;
  loam::arena memory;
  session* first = sessions.make(session{1});
  std::string_view last;
  for (const char* request : {"get the page", "put this there", "bye"}) {
    const loam::arena::scope ends_here(memory);
    last = answer(memory, *first, request);
    std::puts(last.data());
  }
  if (std::strcmp(mode, "reset") == 0) std::printf("%c\n", last[0]);  // reads what the scope has taken back
  sessions.free(first);
  if (std::strcmp(mode, "double-free") == 0) sessions.free(first);
  static session* lost = sessions.make(session{2});
  if (std::strcmp(mode, "lost") != 0) sessions.free(lost);
  lost = nullptr;
  return 0;
}
