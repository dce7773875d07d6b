// The state of the service: who has joined, and what is known. One request at a time, so nothing is locked.
#pragma once

#include <map>
#include <string>
#include <vector>

class Hub {
 public:
  Hub() = default;
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub();

  // One line in, one line out.
  std::string answer(const std::string& request);

 private:
  struct Session {
    std::string name;
    char* label = nullptr;
    int guests = 0;
  };

  std::vector<Session>::iterator find(const std::string& name);
  std::string join(const std::string& name);
  std::string invite(const std::string& name, const std::string& guest);
  std::string label(const std::string& name, const std::string& text);
  std::string learn(const std::string& topic, const std::string& text);
  std::string ask(const std::string& topic);
  std::string post(const std::string& message);

  std::vector<Session> sessions_;
  std::map<std::string, std::string> known_;
};
