#include "parity/cuda_program.h"

#include <algorithm>
#include <deque>
#include <span>

#include "parity/cpu_operations.h"
#include "parity/cuda_steps.h"
#include "parity/evaluate.h"

namespace tenon {

bool holds_integers(const BoundProgram& program, int slot) {
  return std::any_of(program.steps.begin(), program.steps.end(), [&](const BoundStep& step) {
    const auto ids = step.operands.find("ids");
    return (ids != step.operands.end() && ids->second.front() == slot) ||
           (step.operation == "route" && step.out.front() == slot);
  });
}

const RotationTables::Table& RotationTables::table(std::int64_t tokens, std::int64_t rotary, double theta) {
  const auto [found, is_new] = tables_.try_emplace({tokens, rotary, theta});
  if (is_new) {
    const RopeTable host(tokens, rotary, theta);
    for (const auto& [values, tensor] :
         {std::pair{&host.cos, &found->second.cos}, {&host.sin, &found->second.sin}}) {
      *tensor = memory_.make({tokens, rotary / 2}, TENON_F32);
      memory_.upload(tensor->tensor, std::as_bytes(std::span(*values)));
    }
  }
  return found->second;
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
    if (whole.step.operation == "rms_norm_mlp") join_gate_and_up(whole.step);
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
  const StepPlace place{module_, tables_, program_, values_};
  for (const auto& whole : program_.whole) {
    if (run_on_gpu(place, whole.step, mode)) continue;
    for (std::size_t i = whole.first; i < whole.last; ++i) {
      if (!run_on_gpu(place, program_.steps[i], mode)) run_on_host(program_.steps[i], mode);
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
