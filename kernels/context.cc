#include "kernels/context.h"

#include <algorithm>

namespace tenon::cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // so that the next launch is not blamed for this one
  auto status = error == cudaErrorMemoryAllocation ? TENON_OUT_OF_MEMORY : TENON_CUDA_FAILED;
  throw Failure{status,
                std::string(what) + ": " + cudaGetErrorName(error) + ": " + cudaGetErrorString(error)};
}

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Failure{TENON_CUDA_FAILED, std::string(what) + ": " + cublasLtGetStatusName(status)};
}

void bad_argument(const std::string& message) {
  throw Failure{TENON_BAD_ARGUMENT, message};
}

void* Scratch::take(size_t bytes) {
  bytes = (std::max<size_t>(bytes, 1) + 255) / 256 * 256;
  while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_].bytes) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    size_t size = std::max(bytes, size_t{64} << 20);
    void* data = nullptr;
    check(cudaMalloc(&data, size), "scratch memory");
    chunks_.push_back({data, size});
  }
  void* data = static_cast<char*>(chunks_[chunk_].data) + used_;
  used_ += bytes;
  return data;
}

void Scratch::release() {
  for (const Chunk& chunk : chunks_) cudaFree(chunk.data);
  chunks_.clear();
}

tenon_tensor temporary(Context& context, int dtype, int64_t rows, int64_t columns) {
  return {context.scratch.take(rows * columns * element_size(dtype)), dtype, 2, {rows, columns}};
}

tenon_tensor row_range(const tenon_tensor& matrix, int64_t first, int64_t rows) {
  tenon_tensor range = matrix;
  range.data = static_cast<char*>(matrix.data) + first * matrix.shape[1] * element_size(matrix.dtype);
  range.shape[0] = rows;
  return range;
}

tenon_tensor slice(const tenon_tensor& stack, int64_t index) {
  int64_t rows = stack.shape[1], columns = stack.shape[2];
  char* data = static_cast<char*>(stack.data) + index * rows * columns * element_size(stack.dtype);
  return {data, stack.dtype, 2, {rows, columns}};
}

}  // namespace tenon::cuda
