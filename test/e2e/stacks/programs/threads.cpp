// Threads that build and tear down containers: deep library frames, many call sites, all threads at once.  threads [ROUNDS]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Document {
  std::string title;
  std::vector<std::string> lines;
  std::map<std::string, int> words;
  std::function<int(int)> score;
};

std::unique_ptr<Document> make(unsigned seed) {
  auto document = std::make_unique<Document>();
  std::ostringstream title;
  title << "document number " << seed << " of this thread, with a long title";
  document->title = title.str();
  for (unsigned i = 0; i < seed % 7 + 1; ++i) document->lines.push_back(document->title + std::to_string(i));
  for (unsigned i = 0; i < 5; ++i)
    ++document->words[std::to_string(seed * 31 % (i + 90)) + "-a-word-beyond-the-small-ones"];
  const std::string copy = document->title;
  document->score = [copy](int x) { return x + static_cast<int>(copy.size()); };
  return document;
}

int visit(std::map<unsigned, std::unique_ptr<Document>>& shelf, unsigned at, int depth) {
  if (depth > 0) return visit(shelf, at * 17 + 1, depth - 1) + 1;
  auto& place = shelf[at % 500];
  place = make(at);
  return place->score(3);
}

void work(unsigned seed, int rounds) {
  std::map<unsigned, std::unique_ptr<Document>> shelf;
  int sum = 0;
  for (int i = 0; i < rounds; ++i) sum += visit(shelf, seed * 1000 + static_cast<unsigned>(i), i % 9);
  if (sum == 0) std::puts("nothing");
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1000;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) threads.emplace_back(work, t, rounds);
  for (auto& thread : threads) thread.join();
  std::puts("done");
  return 0;
}
