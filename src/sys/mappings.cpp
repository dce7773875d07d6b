#include "sys/mappings.hpp"

namespace loam::sys {

MappingLine parse_mapping(const char* text) {
  MappingLine line{};
  line.start = read_hex(text);
  if (*text == '-') ++text;
  line.end = read_hex(text);
  if (*text == ' ') ++text;
  for (int i = 0; i < 4 && *text != '\0'; ++i, ++text) {
    if (i == 0) line.readable = *text == 'r';
    if (i == 1) line.writable = *text == 'w';
    if (i == 2) line.executable = *text == 'x';
    if (i == 3) line.shared = *text == 's';
  }
  if (*text == ' ') ++text;
  line.offset = read_hex(text);
  for (int field = 0; field < 2 && *text != '\0'; ++field) {
    while (*text == ' ') ++text;
    while (*text != ' ' && *text != '\0') ++text;
  }
  while (*text == ' ') ++text;
  line.name = text;
  return line;
}

bool Mappings::next(MappingLine* line) {
  if (!lines_.next(text_, sizeof text_)) return false;
  *line = parse_mapping(text_);
  return true;
}

}  // namespace loam::sys
