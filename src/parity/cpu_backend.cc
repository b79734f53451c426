#include "parity/cpu_backend.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <map>
#include <span>

namespace tenon {
namespace {

using SharedArray = std::shared_ptr<const Array<float>>;

struct CpuWeights : HeldWeights {
  std::map<std::string, SharedArray> slots;
};

const CpuWeights& of(const HeldWeights& weights) {
  return static_cast<const CpuWeights&>(weights);
}

// The number of the format whose last bit is the other one.
float flipped(const NumberFormat& format, float value) {
  if (format.dtype == DType::kF16 && std::abs(value) < 0x1p-14F) {
    const auto steps = static_cast<std::uint32_t>(std::abs(value) * 0x1p24F);
    return std::copysign(static_cast<float>(steps ^ 1U) * 0x1p-24F, value);
  }
  const int spare = format.dtype == DType::kBF16 ? 16 : format.dtype == DType::kF16 ? 13 : 0;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ (1U << spare));
}

SharedArray numbers_of(const ModuleTensor& tensor, const NumberFormat& format) {
  constexpr std::size_t kBlock = std::size_t{1} << 20;  // elements
  const auto out = std::make_shared<Array<float>>(tensor.shape);
  const auto size = static_cast<std::size_t>(bits_of(tensor.dtype) / 8);
  tbb::parallel_for(std::size_t{0}, (out->size() + kBlock - 1) / kBlock, [&](std::size_t block) {
    const std::size_t first = block * kBlock;
    const std::size_t count = std::min(kBlock, out->size() - first);
    decode(tensor.dtype, std::span(*tensor.bytes).subspan(first * size, count * size), format,
           out->data.data() + first);
  });
  return out;
}

class CpuBackend : public Backend {
 public:
  std::string name() const override { return "cpu"; }
  std::string machine() const override { return "OpenBLAS"; }

  Held hold(const ModuleWeights& weights, const NumberFormat& format) override {
    auto out = std::make_unique<CpuWeights>();
    for (const auto& [slot, tensor] : by_slot(weights)) {
      if (!decodes(tensor->dtype)) refuse_dtype(*tensor);
      out->slots[slot] = numbers_of(*tensor, format);
    }
    return out;
  }

  Held changed(const HeldWeights& weights, const NumberFormat& format, const WeightChange& change) override {
    auto out = std::make_unique<CpuWeights>();
    out->slots = of(weights).slots;
    for (const auto& edit : change) {
      const std::string slot = weight_slot(edit.weight, edit.index);
      const SharedArray& before = of(weights).slots.at(slot);
      SharedArray& after = out->slots.at(slot);
      after = edit.kind == WeightEdit::Kind::kTake
                  ? of(weights).slots.at(weight_slot(edit.other, edit.other_index))
                  : edited(*before, format, edit);
    }
    return out;
  }

  Computed run(const Evaluation& e, Order order) override {
    return evaluate(e.program, given(e), e.inputs.size(), e.format, order);
  }

  Reference reference(const Evaluation& e, const Routes& forced) override {
    return evaluate_reference(e.program, given(e), e.inputs.size(), e.format, &forced);
  }

  double seconds(const Evaluation& e) override {
    const auto begin = std::chrono::steady_clock::now();
    run(e, Order::kLibrary);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  static SharedArray edited(const Array<float>& before, const NumberFormat& format, const WeightEdit& edit) {
    auto out = std::make_shared<Array<float>>(before);
    if (edit.kind == WeightEdit::Kind::kFlipBit) {
      float& middle = out->data[out->size() / 2];
      middle = flipped(format, middle);
    } else {
      apply_edit(edit, before.shape, sizeof(float), std::as_bytes(std::span(before.data)),
                 std::as_writable_bytes(std::span(out->data)));
    }
    return out;
  }

  static Given given(const Evaluation& e) {
    Given out(e.program.shapes.size(), nullptr);
    for (std::size_t i = 0; i < e.inputs.size(); ++i) out[i] = &e.inputs[i];
    for (const auto& [name, array] : of(e.weights).slots) {
      const auto slot = e.program.slots.find(name);
      if (slot != e.program.slots.end()) out[static_cast<std::size_t>(slot->second)] = array.get();
    }
    return out;
  }
};

}  // namespace

std::unique_ptr<Backend> open_cpu_backend() {
  return std::make_unique<CpuBackend>();
}

}  // namespace tenon
