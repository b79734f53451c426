// Which backend a run of parity uses.
#pragma once

#include <memory>
#include <string>

#include "modules/backend.h"

namespace tenon {

enum class BackendChoice { kAuto, kCpu, kCuda };

/// kAuto: CUDA where its module and a GPU are there, else the CPU and, in `why_not_cuda`, what is missing.
/// kCuda without one is a UserError that says so.
std::unique_ptr<Backend> open_backend(BackendChoice choice, std::string* why_not_cuda = nullptr);

}  // namespace tenon
