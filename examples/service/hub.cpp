#include "hub.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace {

struct Reply {
  std::string topic;
  std::string text;
};

// The first word of the text, which loses it.
std::string take_word(std::string& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  std::string word = text.substr(0, end);
  text.erase(0, std::min(end + 1, text.size()));
  return word;
}

// The body of a message like "5:hello". False where the length does not fit.
bool read_body(const std::string& message, char** body) {
  const std::size_t length = std::strtoul(message.c_str(), nullptr, 10);
  const std::size_t start = message.find(':') + 1;
  *body = static_cast<char*>(std::malloc(length + 1));
  if (message.size() - start != length) {
    std::free(*body);
    return false;
  }
  std::memcpy(*body, message.c_str() + start, length + 1);
  return true;
}

}  // namespace

Hub::~Hub() {
  for (Session& session : sessions_) delete[] session.label;
}

std::vector<Hub::Session>::iterator Hub::find(const std::string& name) {
  return std::find_if(sessions_.begin(), sessions_.end(),
                      [&](const Session& session) { return session.name == name; });
}

std::string Hub::join(const std::string& name) {
  sessions_.push_back({name});
  return "welcome " + name;
}

// A dangling iterator: the vector may move when the guest joins.
std::string Hub::invite(const std::string& name, const std::string& guest) {
  const auto host = find(name);
  if (host == sessions_.end()) return "nobody here is called " + name;
  join(guest);
  host->guests += 1;
  return "welcome " + guest + ", guest of " + name;
}

// Off by one: room for the letters, none for the zero behind them.
std::string Hub::label(const std::string& name, const std::string& text) {
  const auto session = find(name);
  if (session == sessions_.end()) return "nobody here is called " + name;
  delete[] session->label;
  session->label = new char[text.size()];
  std::strcpy(session->label, text.c_str());
  return name + " is " + text;
}

std::string Hub::learn(const std::string& topic, const std::string& text) {
  known_[topic] = text;
  return "thank you";
}

// A leak: what nothing is known of takes the early way out.
std::string Hub::ask(const std::string& topic) {
  auto* reply = new Reply{topic, ""};
  const auto found = known_.find(topic);
  if (found == known_.end()) return "nothing is known of " + topic;
  reply->text = found->second;
  std::string text = reply->text;
  delete reply;
  return text;
}

// A double free on the error path: read_body() has cleaned up already.
std::string Hub::post(const std::string& message) {
  char* body = nullptr;
  if (!read_body(message, &body)) {
    std::free(body);
    return "the length does not fit";
  }
  std::string said = std::string("said ") + body;
  std::free(body);
  return said;
}

std::string Hub::answer(const std::string& request) {
  std::string rest = request;
  const std::string command = take_word(rest);
  if (command == "ask") return ask(rest);
  if (command == "post") return post(rest);
  const std::string name = take_word(rest);
  if (command == "join") return join(name);
  if (command == "invite") return invite(name, rest);
  if (command == "label") return label(name, rest);
  if (command == "learn") return learn(name, rest);
  return "what is '" + command + "'?";
}
