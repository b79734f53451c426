// Device memory by shared ownership, and the ways in and out of it.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "modules/cuda/cuda_module.h"
#include "tensor/dtype.h"

namespace tenon {

/// A dense tensor in device memory. `memory` keeps it there.
struct DeviceTensor {
  std::shared_ptr<void> memory;
  tenon_tensor tensor{};
};

std::int64_t element_count(const tenon_tensor& tensor);
std::size_t element_size(const tenon_tensor& tensor);
/// The same elements under another shape, of at most five axes.
tenon_tensor reshaped(const tenon_tensor& tensor, std::initializer_list<std::int64_t> shape);

/// Blocks that are released serve again: all work is queued on one stream, so what is still running on a
/// block has ended before the next use of it begins.
class DeviceMemory {
 public:
  explicit DeviceMemory(const CudaModule& module);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /// Not initialised. Throws SystemError where the GPU has no room. A shape of more than five axes becomes
  /// one.
  DeviceTensor make(const Shape& shape, int dtype);
  /// Host memory is free to change when this returns.
  void upload(const tenon_tensor& to, std::span<const std::byte> from);
  void download(std::span<std::byte> to, const tenon_tensor& from);

 private:
  void* allocate(std::size_t bytes);
  void release_free_blocks();

  static constexpr std::size_t kStage = std::size_t{32} << 20;

  const CudaModule& module_;
  std::multimap<std::size_t, void*> free_;
  /// host memory that the copy engine reads
  std::array<void*, 2> stages_{};
};

}  // namespace tenon
