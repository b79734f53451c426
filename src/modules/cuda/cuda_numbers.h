// Numbers between the host, where they are FP32, and the GPU, where they are of a format.
#pragma once

#include <vector>

#include "modules/array.h"
#include "modules/cuda/cuda_memory.h"
#include "modules/number_format.h"

namespace tenon {

int gpu_dtype(const NumberFormat& format);

class DeviceNumbers {
 public:
  DeviceNumbers(const CudaModule& module, DeviceMemory& memory) : module_(module), memory_(memory) {}

  /// Rounded to the nearest; the tensor itself where it has that dtype.
  DeviceTensor cast(const DeviceTensor& from, int dtype) const;
  DeviceTensor upload(const Array<float>& numbers, const NumberFormat& format) const;
  DeviceTensor upload_integers(const Array<float>& integers) const;
  Array<float> download(const tenon_tensor& tensor, const Shape& shape) const;
  std::vector<int> download_integers(const tenon_tensor& tensor) const;

 private:
  const CudaModule& module_;
  DeviceMemory& memory_;
};

}  // namespace tenon
