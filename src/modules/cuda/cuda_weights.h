// A module's weights in device memory, and the changes that mutants make to them there.
#pragma once

#include <map>
#include <string>

#include "modules/backend.h"
#include "modules/cuda/cuda_numbers.h"

namespace tenon {

struct CudaWeights : BackendWeights {
  /// of the format's dtype
  std::map<std::string, DeviceTensor> slots;
  std::map<std::string, Shape> shapes;
};
const CudaWeights& gpu_weights(const BackendWeights& weights);

/// Uploads every weight in its own dtype and rounds it to the format there. Throws UserError for other
/// dtypes.
Held hold_on_gpu(const CudaModule& module, DeviceMemory& memory, const ModuleWeights& weights,
                 const NumberFormat& format);

Held change_on_gpu(const CudaModule& module, DeviceMemory& memory, const BackendWeights& weights,
                   const WeightChange& change);

}  // namespace tenon
