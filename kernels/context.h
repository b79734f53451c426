// What the backend's calls share: the stream, cuBLASLt, scratch memory, and how failures travel.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace tenon::cuda {

// Thrown inside the module; api.cc turns it into a status and a message, so that no exception crosses the
// ABI.
struct Failure {
  tenon_status status;
  std::string message;
};

void check(cudaError_t error, const char* what);
void check(cublasStatus_t status, const char* what);
[[noreturn]] void bad_argument(const std::string& message);

// Throws BAD_ARGUMENT "<what>" unless `holds`.
inline void require(bool holds, const char* what) {
  if (!holds) bad_argument(what);
}

// After a kernel launch.
inline void check_launch(const char* kernel) {
  check(cudaGetLastError(), kernel);
}

// Device memory that lives until the end of the operation that took it; the next operation takes the same
// bytes again, which is safe because all of them queue on one stream.
class Scratch {
 public:
  /// 256-byte aligned
  void* take(size_t bytes);
  void reset() { chunk_ = used_ = 0; }
  void release();

 private:
  struct Chunk {
    void* data;
    size_t bytes;
  };
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0, used_ = 0;
};

}  // namespace tenon::cuda

struct tenon_context {
  int device = 0;
  /// 10 * major + minor
  int compute = 0;
  int multiprocessors = 0;
  /// most a block can ask for
  size_t shared_memory = 0;
  cudaStream_t stream = nullptr;
  cublasLtHandle_t library = nullptr;
  void* library_workspace = nullptr;
  std::map<std::array<int64_t, 9>, cublasLtMatmulAlgo_t> library_choices;
  tenon::cuda::Scratch scratch;
  std::string message;
};

namespace tenon::cuda {

using Context = tenon_context;

inline int64_t count(const tenon_tensor& tensor) {
  int64_t n = 1;
  for (int axis = 0; axis < tensor.rank; ++axis) n *= tensor.shape[axis];
  return n;
}

inline size_t element_size(int dtype) {
  return dtype == TENON_F64 ? 8 : dtype == TENON_F32 || dtype == TENON_I32 ? 4 : 2;
}

// A [rows, columns] temporary of the running operation.
tenon_tensor temporary(Context& context, int dtype, int64_t rows, int64_t columns);

// `rows` rows of a matrix from `first` on.
tenon_tensor row_range(const tenon_tensor& matrix, int64_t first, int64_t rows);

// One matrix of a stack [count, rows, columns].
tenon_tensor slice(const tenon_tensor& stack, int64_t index);

}  // namespace tenon::cuda
