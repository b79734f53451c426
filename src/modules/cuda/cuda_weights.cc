#include "modules/cuda/cuda_weights.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace tenon {
namespace {

constexpr std::size_t kFewRuns = 64;
constexpr std::int64_t kMostIds = std::int64_t{1} << 26;

std::optional<int> stored_dtype(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return TENON_F64;
    case DType::kF32:
      return TENON_F32;
    case DType::kF16:
      return TENON_F16;
    case DType::kBF16:
      return TENON_BF16;
    default:
      return std::nullopt;
  }
}

class Editor {
 public:
  Editor(const CudaModule& module, DeviceMemory& memory, const DeviceTensor& before, const Shape& shape)
      : module_(module),
        memory_(memory),
        before_(before.tensor),
        shape_(shape),
        after_(memory.make(shape, before.tensor.dtype)) {}

  DeviceTensor edited(const WeightEdit& edit) {
    switch (edit.kind) {
      case WeightEdit::Kind::kReorder:
        reorder(edit);
        break;
      case WeightEdit::Kind::kTranspose:
        copy(0, 0, {shape_[0], shape_[0]}, {1, shape_[0]}, {shape_[0], 1});
        break;
      case WeightEdit::Kind::kClear:
        module_.check(module_.api().fill(module_.context(), after_.tensor.data, 0, bytes()),
                      "clear a weight on");
        break;
      default:
        copy(0, 0, {element_count(before_)}, {1}, {1});
        flip_bit();
    }
    return after_;
  }

 private:
  std::size_t bytes() const {
    return static_cast<std::size_t>(element_count(before_)) * element_size(before_);
  }

  void copy(std::int64_t from, std::int64_t to, const Shape& extents, const Shape& x_strides,
            const Shape& out_strides) {
    tenon_copy_args args{};
    args.x = reshaped(before_, {element_count(before_)}),
    args.out = reshaped(after_.tensor, {element_count(before_)});
    args.rank = static_cast<std::int32_t>(extents.size());
    std::copy(extents.begin(), extents.end(), args.extents);
    std::copy(x_strides.begin(), x_strides.end(), args.x_strides);
    std::copy(out_strides.begin(), out_strides.end(), args.out_strides);
    args.x_offset = from, args.out_offset = to;
    module_.run(module_.api().copy, TENON_REFERENCE, args, "copy a weight on");
  }

  // Few runs of neighbours: a copy each. Else every slice is looked up, as an embedding's rows are.
  void reorder(const WeightEdit& edit) {
    std::int64_t outer = 1;
    std::int64_t slice = 1;
    for (std::size_t i = 0; i < shape_.size(); ++i)
      (i < edit.axis ? outer : slice) *= i == edit.axis ? 1 : shape_[i];
    const std::int64_t n = shape_[edit.axis];
    const auto runs = runs_of(edit.order);
    if (runs.size() > kFewRuns && outer * n <= kMostIds) return look_up(edit.order, outer, slice);
    for (const auto& run : runs) {
      const std::int64_t pitch = n * slice;
      copy(static_cast<std::int64_t>(run.from) * slice, static_cast<std::int64_t>(run.to) * slice,
           {outer, static_cast<std::int64_t>(run.count) * slice}, {pitch, 1}, {pitch, 1});
    }
  }

  void look_up(const std::vector<std::size_t>& order, std::int64_t outer, std::int64_t slice) {
    const auto n = static_cast<std::int64_t>(order.size());
    std::vector<std::int32_t> ids;
    ids.reserve(static_cast<std::size_t>(outer * n));
    for (std::int64_t i = 0; i < outer; ++i) {
      for (const auto from : order)
        ids.push_back(static_cast<std::int32_t>(i * n + static_cast<std::int64_t>(from)));
    }
    const DeviceTensor rows = memory_.make({outer * n}, TENON_I32);
    memory_.upload(rows.tensor, std::as_bytes(std::span(ids)));
    module_.run(module_.api().embedding, TENON_REFERENCE,
                tenon_embedding_args{rows.tensor, reshaped(before_, {outer * n, slice}),
                                     reshaped(after_.tensor, {outer * n, slice})},
                "reorder a weight on");
  }

  void flip_bit() {
    const std::size_t size = element_size(before_);
    std::array<std::byte, 8> middle{};
    tenon_tensor element = reshaped(after_.tensor, {1});
    element.data =
        static_cast<std::byte*>(element.data) + static_cast<std::size_t>(element_count(before_)) / 2 * size;
    memory_.download(std::span(middle).first(size), element);
    middle[0] ^= std::byte{1};
    memory_.upload(element, std::span(middle).first(size));
  }

  const CudaModule& module_;
  DeviceMemory& memory_;
  tenon_tensor before_;
  const Shape& shape_;
  DeviceTensor after_;
};

}  // namespace

const CudaWeights& gpu_weights(const BackendWeights& weights) {
  return static_cast<const CudaWeights&>(weights);
}

Held hold_on_gpu(const CudaModule& module, DeviceMemory& memory, const ModuleWeights& weights,
                 const NumberFormat& format) {
  const DeviceNumbers numbers(module, memory);
  auto out = std::make_unique<CudaWeights>();
  for (const auto& [slot, tensor] : by_slot(weights)) {
    const auto stored = stored_dtype(tensor->dtype);
    if (!stored) refuse_dtype(*tensor);
    DeviceTensor held = memory.make(tensor->shape, *stored);
    memory.upload(held.tensor, *tensor->bytes);
    // FP64 is rounded to FP32 first, as on the CPU.
    if (*stored == TENON_F64) held = numbers.cast(held, TENON_F32);
    out->slots[slot] = numbers.cast(held, gpu_dtype(format));
    out->shapes[slot] = tensor->shape;
  }
  return out;
}

Held change_on_gpu(const CudaModule& module, DeviceMemory& memory, const BackendWeights& weights,
                   const WeightChange& change) {
  auto out = std::make_unique<CudaWeights>();
  const CudaWeights& before = gpu_weights(weights);
  out->slots = before.slots;
  out->shapes = before.shapes;
  for (const auto& edit : change) {
    const std::string changed = weight_slot(edit.weight, edit.index);
    out->slots[changed] =
        edit.kind == WeightEdit::Kind::kTake
            ? before.slots.at(weight_slot(edit.other, edit.other_index))
            : Editor(module, memory, before.slots.at(changed), before.shapes.at(changed)).edited(edit);
  }
  return out;
}

}  // namespace tenon
