// Which jobs of a batch wait for which.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "tasks/batch_job.h"

namespace tenon {

/// The absolute path without "..", links and a last slash: what two ways of naming a folder have in common.
std::string plain_path(const std::string& path);

/// For each job, in order, the jobs that it waits for: those that make a folder that it reads, and those that
/// it names. A name that is no job's, and a circle, go to `diagnostics`.
std::vector<std::vector<std::size_t>> batch_order(const std::vector<BatchJob>& jobs,
                                                  Diagnostics& diagnostics);

}  // namespace tenon
