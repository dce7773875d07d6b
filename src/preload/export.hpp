// How a symbol is exported: C linkage, visible although the library hides all else. The version script must name it.
#pragma once

#define LOAM_EXPORT extern "C" __attribute__((visibility("default")))
