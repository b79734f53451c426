#include "modules/cuda/cuda_program.h"

#include <algorithm>
#include <deque>
#include <span>

#include "modules/cuda/gpu_call.h"
#include "modules/evaluate.h"

namespace tenon {

bool holds_integers(const BoundProgram& program, int slot) {
  const auto is_at = [&](const BoundStep& step, std::string_view operand) {
    const auto found = step.operands.find(std::string(operand));
    return found != step.operands.end() && found->second.front() == slot;
  };
  return std::any_of(program.steps.begin(), program.steps.end(), [&](const BoundStep& step) {
    const int made = step.operation->integers;
    if (made >= 0 && step.out.at(static_cast<std::size_t>(made)) == slot) return true;
    return std::any_of(
        step.operation->parameters.begin(), step.operation->parameters.end(),
        [&](const Parameter& p) { return p.kind == Parameter::Kind::kIds && is_at(step, p.name); });
  });
}

CudaProgram::CudaProgram(const CudaModule& module, DeviceMemory& memory, RotationTables& tables,
                         const BoundProgram& program, std::vector<DeviceTensor> values,
                         const NumberFormat& format)
    : module_(module),
      memory_(memory),
      tables_(tables),
      program_(program),
      values_(std::move(values)),
      format_(format) {
  for (const auto& whole : program.whole) {
    if (whole.step.operation->joins_gate_and_up) join_gate_and_up(whole.step);
  }
  for (const auto& step : program.steps) {
    for (const int slot : step.out) {
      const auto i = static_cast<std::size_t>(slot);
      values_[i] =
          memory.make(program.shapes[i], holds_integers(program, slot) ? int{TENON_I32} : gpu_dtype(format));
    }
  }
}

// A fused module that owns both weights keeps them one behind the other, so that one product serves both.
void CudaProgram::join_gate_and_up(const BoundStep& step) {
  if (!step.operands.contains("gate") || !step.operands.contains("up")) return;
  DeviceTensor& gate = values_[static_cast<std::size_t>(step.operands.at("gate").front())];
  DeviceTensor& up = values_[static_cast<std::size_t>(step.operands.at("up").front())];
  const std::int64_t n = element_count(gate.tensor);
  const DeviceTensor both = memory_.make({2 * n}, gate.tensor.dtype);
  for (DeviceTensor* const part : {&gate, &up}) {
    tenon_copy_args args{};
    args.x = reshaped(part->tensor, {n}), args.out = both.tensor;
    args.rank = 1;
    args.extents[0] = n, args.x_strides[0] = 1, args.out_strides[0] = 1;
    args.out_offset = part == &up ? n : 0;
    module_.run(module_.api().copy, TENON_REFERENCE, args, "join weights on");
    part->memory = both.memory;
    part->tensor.data = static_cast<std::byte*>(both.tensor.data) +
                        static_cast<std::size_t>(args.out_offset) * element_size(both.tensor);
  }
}

void CudaProgram::run(int mode) {
  const auto queued = [&](const BoundStep& step) {
    if (step.operation->gpu == nullptr) return false;
    GpuCall call(module_, tables_, program_, values_, step, mode);
    return step.operation->gpu(call);
  };
  for (const auto& whole : program_.whole) {
    if (queued(whole.step)) continue;
    for (std::size_t i = whole.first; i < whole.last; ++i) {
      if (!queued(program_.steps[i])) run_on_host(program_.steps[i], mode);
    }
  }
}

void CudaProgram::run_on_host(const BoundStep& step, int mode) {
  const DeviceNumbers numbers(module_, memory_);
  std::vector<Array<float>> values(program_.shapes.size());
  std::deque<ArrayWeight> arrays;
  SlotWeights weights(program_.shapes.size(), nullptr);
  for (const auto& [operand, slots] : step.operands) {
    for (const int slot : slots) {
      const auto i = static_cast<std::size_t>(slot);
      values[i] = numbers.download(values_[i].tensor, program_.shapes[i]);
      weights[i] = &arrays.emplace_back(values[i]);
    }
  }
  const Order order = mode == TENON_FIXED_ORDER ? Order::kFixed : Order::kLibrary;
  const auto results = evaluate_step(program_, step, values, weights, format_, order);
  for (std::size_t i = 0; i < results.size(); ++i) {
    DeviceTensor& to = values_[static_cast<std::size_t>(step.out[i])];
    to = to.tensor.dtype == TENON_I32 ? numbers.upload_integers(results[i])
                                      : numbers.upload(results[i], format_);
  }
}

}  // namespace tenon
