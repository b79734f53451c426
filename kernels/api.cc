// The table that the program calls: each entry runs one operation and turns its failure into a status and a
// message.
#include <cstdio>
#include <new>

#include "kernels/operators.h"

namespace tenon::cuda {
namespace {

template <class Body>
int guarded(Context* context, Body body) {
  try {
    check(cudaSetDevice(context->device), "cudaSetDevice");
    body(*context);
    return TENON_OK;
  } catch (const Failure& failure) {
    context->message = failure.message;
    return failure.status;
  } catch (const std::bad_alloc&) {
    context->message = "out of host memory";
    return TENON_OUT_OF_MEMORY;
  }
}

template <class Args, void (*kOperation)(Context&, int, const Args&)>
int call(Context* context, int mode, const Args* args) {
  return guarded(context, [&](Context& c) {
    require(mode >= TENON_REFERENCE && mode <= TENON_PRODUCTION, "unknown mode");
    c.scratch.reset();
    kOperation(c, mode, *args);
  });
}

void open_device(Context& context, int device) {
  int devices = 0;
  cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || device < 0 || device >= devices)
    throw Failure{TENON_NO_DEVICE, error == cudaSuccess ? "no such GPU" : cudaGetErrorString(error)};
  context.device = device;
  check(cudaSetDevice(device), "cudaSetDevice");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  context.compute = 10 * properties.major + properties.minor;
  if (context.compute < 80) throw Failure{TENON_NO_DEVICE, "the GPU is older than compute capability 8.0"};
  context.multiprocessors = properties.multiProcessorCount;
  context.shared_memory = properties.sharedMemPerBlockOptin;
  check(cudaStreamCreateWithFlags(&context.stream, cudaStreamNonBlocking), "cudaStreamCreate");
  check(cublasLtCreate(&context.library), "cublasLtCreate");
}

void close(Context* context) {
  if (!context) return;
  cudaSetDevice(context->device);
  if (context->stream) cudaStreamSynchronize(context->stream);
  context->scratch.release();
  if (context->library_workspace) cudaFree(context->library_workspace);
  if (context->library) cublasLtDestroy(context->library);
  if (context->stream) cudaStreamDestroy(context->stream);
  delete context;
}

int open(int device, Context** context, char* message, size_t message_size) {
  auto* opened = new (std::nothrow) Context;
  *context = nullptr;
  if (!opened) return TENON_OUT_OF_MEMORY;
  try {
    open_device(*opened, device);
    *context = opened;
    return TENON_OK;
  } catch (const Failure& failure) {
    if (message) std::snprintf(message, message_size, "%s", failure.message.c_str());
    close(opened);
    return failure.status;
  }
}

const char* message(const Context* context) {
  return context->message.c_str();
}

int device(Context* context, tenon_device* info) {
  return guarded(context, [&](Context& c) {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, c.device), "cudaGetDeviceProperties");
    std::snprintf(info->name, sizeof info->name, "%s", properties.name);
    info->compute_major = properties.major, info->compute_minor = properties.minor;
    info->multiprocessors = properties.multiProcessorCount;
    check(cudaRuntimeGetVersion(&info->runtime_version), "cudaRuntimeGetVersion");
    check(cudaDriverGetVersion(&info->driver_version), "cudaDriverGetVersion");
    info->cublaslt_version = static_cast<int64_t>(cublasLtGetVersion());
    info->memory = properties.totalGlobalMem, info->l2_cache = properties.l2CacheSize;
  });
}

int alloc(Context* context, size_t bytes, void** data) {
  *data = nullptr;
  return guarded(context, [&](Context&) { check(cudaMalloc(data, bytes ? bytes : 1), "cudaMalloc"); });
}

int release(Context* context, void* data) {
  return guarded(context, [&](Context& c) {
    check(cudaStreamSynchronize(c.stream), "cudaStreamSynchronize");
    check(cudaFree(data), "cudaFree");
  });
}

int upload(Context* context, void* to, const void* from, size_t bytes) {
  return guarded(context, [&](Context& c) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, c.stream), "upload");
    check(cudaStreamSynchronize(c.stream), "upload");
  });
}

int download(Context* context, void* to, const void* from, size_t bytes) {
  return guarded(context, [&](Context& c) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, c.stream), "download");
    check(cudaStreamSynchronize(c.stream), "download");
  });
}

int fill(Context* context, void* data, int byte, size_t bytes) {
  return guarded(context, [&](Context& c) { check(cudaMemsetAsync(data, byte, bytes, c.stream), "fill"); });
}

int host_alloc(Context* context, size_t bytes, void** data) {
  *data = nullptr;
  return guarded(context,
                 [&](Context&) { check(cudaMallocHost(data, bytes ? bytes : 1), "cudaMallocHost"); });
}

int host_release(Context* context, void* data) {
  return guarded(context, [&](Context& c) {
    check(cudaStreamSynchronize(c.stream), "cudaStreamSynchronize");
    check(cudaFreeHost(data), "cudaFreeHost");
  });
}

int synchronize(Context* context) {
  return guarded(context,
                 [](Context& c) { check(cudaStreamSynchronize(c.stream), "cudaStreamSynchronize"); });
}

cudaEvent_t as_event(tenon_event* event) {
  return reinterpret_cast<cudaEvent_t>(event);
}

int event_create(Context* context, tenon_event** event) {
  return guarded(context, [&](Context&) {
    cudaEvent_t created;
    check(cudaEventCreate(&created), "cudaEventCreate");
    *event = reinterpret_cast<tenon_event*>(created);
  });
}

int event_release(Context* context, tenon_event* event) {
  return guarded(context, [&](Context&) { check(cudaEventDestroy(as_event(event)), "cudaEventDestroy"); });
}

int event_record(Context* context, tenon_event* event) {
  return guarded(context,
                 [&](Context& c) { check(cudaEventRecord(as_event(event), c.stream), "cudaEventRecord"); });
}

int elapsed(Context* context, tenon_event* start, tenon_event* stop, float* milliseconds) {
  return guarded(context, [&](Context&) {
    check(cudaEventSynchronize(as_event(stop)), "cudaEventSynchronize");
    check(cudaEventElapsedTime(milliseconds, as_event(start), as_event(stop)), "cudaEventElapsedTime");
  });
}

#define ENTRY(name) call<tenon_##name##_args, name>

const tenon_cuda_table kTable = {
    TENON_CUDA_ABI,
    open,
    close,
    message,
    device,
    alloc,
    release,
    upload,
    download,
    fill,
    host_alloc,
    host_release,
    synchronize,
    event_create,
    event_release,
    event_record,
    elapsed,
    ENTRY(cast),
    ENTRY(copy),
    ENTRY(embedding),
    ENTRY(linear),
    ENTRY(conv),
    ENTRY(depthwise_conv1d),
    ENTRY(rms_norm),
    ENTRY(layer_norm),
    ENTRY(activation),
    ENTRY(act_mul),
    ENTRY(act_mul_halves),
    ENTRY(add),
    ENTRY(mul),
    ENTRY(rope),
    ENTRY(attention),
    ENTRY(route),
    ENTRY(experts),
    ENTRY(qkv_linear),
    ENTRY(gated_mlp),
    ENTRY(rms_norm_linear),
    ENTRY(rms_norm_mlp),
    ENTRY(grouped_experts),
    ENTRY(patch_linear),
};

#undef ENTRY

}  // namespace
}  // namespace tenon::cuda

extern "C" __attribute__((visibility("default"))) const tenon_cuda_table* tenon_cuda_api(uint32_t abi) {
  return abi == TENON_CUDA_ABI ? &tenon::cuda::kTable : nullptr;
}
