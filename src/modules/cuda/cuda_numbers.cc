#include "modules/cuda/cuda_numbers.h"

#include <algorithm>
#include <span>

namespace tenon {

int gpu_dtype(const NumberFormat& format) {
  if (format.dtype == DType::kBF16) return TENON_BF16;
  return format.dtype == DType::kF16 ? TENON_F16 : TENON_F32;
}

DeviceTensor DeviceNumbers::cast(const DeviceTensor& from, int dtype) const {
  if (from.tensor.dtype == dtype) return from;
  const std::int64_t n = element_count(from.tensor);
  DeviceTensor out = memory_.make({n}, dtype);
  module_.run(module_.api().cast, TENON_REFERENCE, tenon_cast_args{reshaped(from.tensor, {n}), out.tensor},
              "round numbers on");
  out.tensor.rank = from.tensor.rank;
  std::copy(from.tensor.shape, from.tensor.shape + from.tensor.rank, out.tensor.shape);
  return out;
}

DeviceTensor DeviceNumbers::upload(const Array<float>& numbers, const NumberFormat& format) const {
  const DeviceTensor exact = memory_.make(numbers.shape, TENON_F32);
  memory_.upload(exact.tensor, std::as_bytes(std::span(numbers.data)));
  return cast(exact, gpu_dtype(format));
}

DeviceTensor DeviceNumbers::upload_integers(const Array<float>& integers) const {
  const std::vector<std::int32_t> values(integers.data.begin(), integers.data.end());
  DeviceTensor out = memory_.make(integers.shape, TENON_I32);
  memory_.upload(out.tensor, std::as_bytes(std::span(values)));
  return out;
}

Array<float> DeviceNumbers::download(const tenon_tensor& tensor, const Shape& shape) const {
  if (tensor.dtype == TENON_I32) {
    const auto integers = download_integers(tensor);
    return {shape, std::vector<float>(integers.begin(), integers.end())};
  }
  Array<float> out(shape);
  const std::int64_t n = element_count(tensor);
  const DeviceTensor exact = memory_.make({n}, TENON_F32);
  module_.run(module_.api().cast, TENON_REFERENCE, tenon_cast_args{reshaped(tensor, {n}), exact.tensor},
              "widen numbers on");
  memory_.download(std::as_writable_bytes(std::span(out.data)), exact.tensor);
  return out;
}

std::vector<int> DeviceNumbers::download_integers(const tenon_tensor& tensor) const {
  std::vector<int> out(static_cast<std::size_t>(element_count(tensor)));
  memory_.download(std::as_writable_bytes(std::span(out)), tensor);
  return out;
}

}  // namespace tenon
