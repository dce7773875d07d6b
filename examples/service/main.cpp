// A small service with four defects, each behind a request of its own (hub.cpp). Requests are lines of standard input, or those
// of a client that is built in:
//   service < REQUESTS       answers each line
//   service --demo           some of each kind
//   service --load SECONDS   a hundred questions a millisecond, of which every tenth finds no answer
// g++ -g main.cpp hub.cpp -o service
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "hub.hpp"

namespace {

const char* const kDemo[] = {
    "join ada",
    "learn heap where blocks come from",
    "ask heap",
    "post 5:hello",
    "ask what a dangling iterator is",
    "ask why the server grows",
    "label ada analyst",
    "invite ada grace",
    "post 50:hello",
};

void serve_input(Hub& hub) {
  std::string line;
  while (std::getline(std::cin, line) && line != "quit") std::cout << hub.answer(line) << std::endl;
}

void serve_demo(Hub& hub) {
  for (const char* request : kDemo) std::cout << "> " << request << "\n" << hub.answer(request) << std::endl;
}

void serve_load(Hub& hub, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  hub.answer("learn heap where blocks come from");
  for (long asked = 0; Clock::now() < end; ++asked) {
    if (asked % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    hub.answer(asked % 10 == 0 ? "ask what request " + std::to_string(asked) + " was about" : "ask heap");
  }
}

}  // namespace

int main(int count, char** words) {
  const std::string mode = count > 1 ? words[1] : "";
  Hub hub;
  if (mode == "--demo")
    serve_demo(hub);
  else if (mode == "--load" && count > 2)
    serve_load(hub, std::atof(words[2]));
  else
    serve_input(hub);
  return 0;
}
