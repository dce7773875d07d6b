// A stack of frames, for people and as JSON.
#pragma once

#include <string>

#include "tool/model/call_stacks.hpp"
#include "tool/model/json_value.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {

enum class Quote { kFirst, kNone };

// A line a frame, each behind `indent`; the first that has a source line is quoted. Says where frames are left out or not known.
std::string frames_text(const CallStacks::Text& stack, const std::string& indent, const Palette& palette,
                        Quote quote = Quote::kFirst);
// {"frames": [...], "left_out": N, "complete": true}
Json frames_json(const CallStacks::Text& stack);

Json frame_json(const SourceFrame& frame);
// "work (service.cpp:41)", or as much of it as is known.
std::string frame_text(const SourceFrame& frame);
// The whole name of a frame's function, or where it lies.
std::string frame_name(const SourceFrame& frame);
// A function's name as people write it: std::string, no allocators, no parameters where they are many.
std::string short_name(const std::string& function);
// Whether only frames of the C++ library's headers stand inside of this one, which is one as well: the program wrote the outermost.
bool is_inside_library(const std::vector<SourceFrame>& frames, std::size_t index);
// The line itself, without the space around it; empty when the source is not where it was compiled.
std::string source_line(const SourceFrame& frame);

}  // namespace loam::tool
