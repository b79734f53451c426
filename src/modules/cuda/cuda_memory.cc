#include "modules/cuda/cuda_memory.h"

#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <cstring>

namespace tenon {
namespace {

constexpr std::size_t kCopyBlock = std::size_t{1} << 20;

void copy_by_many(std::byte* to, const std::byte* from, std::size_t bytes) {
  tbb::parallel_for(std::size_t{0}, (bytes + kCopyBlock - 1) / kCopyBlock, [&](std::size_t i) {
    const std::size_t begin = i * kCopyBlock;
    std::memcpy(to + begin, from + begin, std::min(kCopyBlock, bytes - begin));
  });
}

std::size_t size_of(int dtype) {
  return dtype == TENON_F64 ? 8 : dtype == TENON_F32 || dtype == TENON_I32 ? 4 : 2;
}

}  // namespace

std::int64_t element_count(const tenon_tensor& tensor) {
  std::int64_t n = 1;
  for (int axis = 0; axis < tensor.rank; ++axis) n *= tensor.shape[axis];
  return n;
}

std::size_t element_size(const tenon_tensor& tensor) {
  return size_of(tensor.dtype);
}

tenon_tensor reshaped(const tenon_tensor& tensor, std::initializer_list<std::int64_t> shape) {
  tenon_tensor out = tensor;
  out.rank = static_cast<std::int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), out.shape);
  return out;
}

DeviceMemory::DeviceMemory(const CudaModule& module) : module_(module) {
  for (auto& stage : stages_)
    module_.check(module_.api().host_alloc(module_.context(), kStage, &stage), "take host memory for");
}

DeviceMemory::~DeviceMemory() {
  release_free_blocks();
  for (void* const stage : stages_) module_.api().host_release(module_.context(), stage);
}

void* DeviceMemory::allocate(std::size_t bytes) {
  const auto found = free_.lower_bound(bytes);
  if (found != free_.end() && found->first <= bytes + bytes / 4) {
    void* const block = found->second;
    free_.erase(found);
    return block;
  }
  void* block = nullptr;
  int status = module_.api().alloc(module_.context(), bytes, &block);
  if (status == TENON_OUT_OF_MEMORY && !free_.empty()) {
    release_free_blocks();
    status = module_.api().alloc(module_.context(), bytes, &block);
  }
  module_.check(status, "take memory of");
  return block;
}

void DeviceMemory::release_free_blocks() {
  for (const auto& [bytes, block] : free_) module_.api().release(module_.context(), block);
  free_.clear();
}

DeviceTensor DeviceMemory::make(const Shape& shape, int dtype) {
  DeviceTensor out;
  out.tensor.dtype = dtype;
  std::int64_t n = 1;
  for (const auto extent : shape) n *= extent;
  if (shape.size() <= 5) {
    out.tensor.rank = static_cast<std::int32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), out.tensor.shape);
  } else {
    out.tensor.rank = 1;
    out.tensor.shape[0] = n;
  }
  // Rounded, so that blocks of nearly one size serve each other.
  const std::size_t bytes = (static_cast<std::size_t>(n) * size_of(dtype) / 512 + 1) * 512;
  void* const block = allocate(bytes);
  out.memory = std::shared_ptr<void>(block, [this, bytes](void* data) { free_.emplace(bytes, data); });
  out.tensor.data = block;
  return out;
}

// While one stage is being read by the copy engine, the next is being filled.
void DeviceMemory::upload(const tenon_tensor& to, std::span<const std::byte> from) {
  const auto part = [&](std::size_t begin) { return std::min(kStage, from.size() - begin); };
  const auto fill = [&](std::size_t begin) {
    copy_by_many(static_cast<std::byte*>(stages_[begin / kStage % 2]), from.data() + begin, part(begin));
  };
  if (from.empty()) return;
  fill(0);
  for (std::size_t begin = 0; begin < from.size(); begin += kStage) {
    tbb::task_group next;
    if (begin + kStage < from.size()) next.run([&, begin] { fill(begin + kStage); });
    const int status = module_.api().upload(module_.context(), static_cast<std::byte*>(to.data) + begin,
                                            stages_[begin / kStage % 2], part(begin));
    next.wait();
    module_.check(status, "upload to");
  }
}

void DeviceMemory::download(std::span<std::byte> to, const tenon_tensor& from) {
  module_.check(module_.api().download(module_.context(), to.data(), from.data, to.size()), "download from");
}

}  // namespace tenon
