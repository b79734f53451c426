// The C ABI of tenon's CUDA backend (libtenon_cuda), which the program opens with dlopen and asks for its one
// symbol, tenon_cuda_api(). Plain C types only. Every call returns a tenon_status; message() then says what
// went wrong. One context is used by one thread at a time; work is queued on the context's stream and is
// finished when synchronize(), download() or elapsed() returns.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_CUDA_ABI 2

enum tenon_status {
  TENON_OK = 0,
  /// no driver, no GPU, or one older than the module was built for
  TENON_NO_DEVICE = 1,
  /// shapes or dtypes that do not fit the operation
  TENON_BAD_ARGUMENT = 2,
  TENON_OUT_OF_MEMORY = 3,
  TENON_CUDA_FAILED = 4,
};

enum tenon_dtype { TENON_F64 = 0, TENON_F32 = 1, TENON_F16 = 2, TENON_BF16 = 3, TENON_I32 = 4 };

enum tenon_mode {
  /// FP64 arithmetic; operands of any float dtype (weights need no cast), results usually F64
  TENON_REFERENCE = 0,
  /// FP32 arithmetic, every sum taken in one order of K, rounded to the result's dtype by operation
  TENON_FIXED_ORDER = 1,
  /// cuBLASLt and tenon's fused kernels, FP32 accumulation; operands of one dtype
  TENON_PRODUCTION = 2,
};

enum tenon_activation {
  TENON_IDENTITY = 0,
  TENON_SILU = 1,
  TENON_GELU = 2,
  TENON_GELU_TANH = 3,
  TENON_RELU = 4
};

// A dense row-major tensor in device memory. An operand that is left out has data == NULL.
typedef struct {
  void* data;
  /// tenon_dtype
  int32_t dtype;
  int32_t rank;
  int64_t shape[5];
} tenon_tensor;

typedef struct {
  char name[256];
  int32_t compute_major, compute_minor, multiprocessors;
  int32_t runtime_version, driver_version;
  int64_t cublaslt_version;
  size_t memory, l2_cache;
} tenon_device;

typedef struct tenon_context tenon_context;
typedef struct tenon_event tenon_event;

#include "kernels/operations.h"

#define TENON_OPERATION(name) int (*name)(tenon_context*, int mode, const tenon_##name##_args*)

typedef struct {
  uint32_t abi;
  // Opens the given GPU. On failure *context is null and `message` (may be null) receives the reason.
  int (*open)(int device, tenon_context** context, char* message, size_t message_size);
  void (*close)(tenon_context*);
  /// of the last call that failed; valid until the next call
  const char* (*message)(const tenon_context*);
  int (*device)(tenon_context*, tenon_device*);

  /// 256-byte aligned, not initialised
  int (*alloc)(tenon_context*, size_t bytes, void** data);
  int (*release)(tenon_context*, void* data);
  /// `from` may be reused on return
  int (*upload)(tenon_context*, void* to, const void* from, size_t bytes);
  /// waits for the stream
  int (*download)(tenon_context*, void* to, const void* from, size_t bytes);
  int (*fill)(tenon_context*, void* data, int byte, size_t bytes);
  // Host memory that the copy engine reads by itself: uploads from it run at the full rate of the bus.
  int (*host_alloc)(tenon_context*, size_t bytes, void** data);
  int (*host_release)(tenon_context*, void* data);
  int (*synchronize)(tenon_context*);

  int (*event_create)(tenon_context*, tenon_event**);
  int (*event_release)(tenon_context*, tenon_event*);
  int (*event_record)(tenon_context*, tenon_event*);
  /// waits for `stop`
  int (*elapsed)(tenon_context*, tenon_event* start, tenon_event* stop, float* milliseconds);

  TENON_OPERATION(cast);
  TENON_OPERATION(copy);
  TENON_OPERATION(embedding);
  TENON_OPERATION(linear);
  TENON_OPERATION(conv);
  TENON_OPERATION(depthwise_conv1d);
  TENON_OPERATION(rms_norm);
  TENON_OPERATION(layer_norm);
  TENON_OPERATION(activation);
  TENON_OPERATION(act_mul);
  TENON_OPERATION(act_mul_halves);
  TENON_OPERATION(add);
  TENON_OPERATION(mul);
  TENON_OPERATION(rope);
  TENON_OPERATION(attention);
  TENON_OPERATION(route);
  TENON_OPERATION(experts);

  TENON_OPERATION(qkv_linear);
  TENON_OPERATION(gated_mlp);
  TENON_OPERATION(rms_norm_linear);
  TENON_OPERATION(rms_norm_mlp);
  TENON_OPERATION(grouped_experts);
  TENON_OPERATION(patch_linear);
} tenon_cuda_table;

// Null if this module does not speak the ABI that the caller was built for. Needs no GPU.
const tenon_cuda_table* tenon_cuda_api(uint32_t abi);
typedef const tenon_cuda_table* (*tenon_cuda_api_function)(uint32_t abi);

#ifdef __cplusplus
}
#endif
