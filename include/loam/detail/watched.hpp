// Whether `loam check` watches this process: each object of an arena or a pool is then a heap block of its own, since that is
// what it watches. Not for direct use.
#ifndef LOAM_DETAIL_WATCHED_HPP
#define LOAM_DETAIL_WATCHED_HPP

#include <loam/loam.h>

namespace loam::detail {

// Settled before main, so that asking costs a load. Before that, false: what a constructor of another file takes so early
// lies in the arena or the pool as ever.
inline const bool watched = loam_checking != nullptr && loam_checking() != 0;

}  // namespace loam::detail

#endif
