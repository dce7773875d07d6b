// fork() at any moment, in any thread, in every mode.
#pragma once

namespace loam::runtime {

// Registers the handlers. Called once, at start, so that they run last before and first after every fork.
void prepare_fork();

}  // namespace loam::runtime
