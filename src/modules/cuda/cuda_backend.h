// The backend on a GPU: weights in device memory, programs by the CUDA module, FP64 products where the
// weights are, bounds beside them on the host. docs/parity.md says what is assumed of the hardware.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "modules/backend.h"

namespace tenon {

/// nullptr, and `why`, where there is no module or no GPU. Throws SystemError where the GPU fails.
std::unique_ptr<Backend> open_cuda_backend(std::string& why);

/// The module that it would open, untried; empty: there is none.
std::filesystem::path find_cuda_module();

}  // namespace tenon
