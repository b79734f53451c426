// A step of a program as a call of the CUDA module: operands from their slots, attributes as arguments.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modules/attributes.h"
#include "modules/cuda/cuda_memory.h"
#include "modules/cuda/rotation_tables.h"
#include "modules/operation.h"

namespace tenon {

/// What a row's `gpu` sees of the step and of the program that it is in.
class GpuCall {
 public:
  GpuCall(const CudaModule& module_, RotationTables& tables_, const BoundProgram& program_,
          const std::vector<DeviceTensor>& values, const BoundStep& step_, int mode)
      : module(module_),
        tables(tables_),
        program(program_),
        step(step_),
        attributes(step_.attributes),
        values_(values),
        mode_(mode) {}

  bool has(const std::string& operand) const;
  /// The operand; data == nullptr where it was left out.
  tenon_tensor in(const std::string& operand, std::size_t i = 0) const;
  tenon_tensor out(std::size_t i = 0) const;
  const Shape& shape_of(const std::string& operand, std::size_t i = 0) const;
  const Shape& out_shape(std::size_t i = 0) const;
  /// The module's code of the step's activation: of `act`, else of the operation's own name; none: it has
  /// none.
  std::optional<int> act() const;
  /// Is the step's gated unit act(gate) * up, with an activation that the module has?
  bool plain_unit() const;
  const tenon_cuda_table& api() const { return module.api(); }

  template <class Args>
  void queue(int (*operation)(tenon_context*, int, const Args*), const Args& args) {
    module.run(operation, mode_, args, ("run " + std::string(step.operation->name) + " on").c_str());
  }

  const CudaModule& module;
  RotationTables& tables;
  const BoundProgram& program;
  const BoundStep& step;
  Attributes attributes;

 private:
  const tenon_tensor& value(int slot) const { return values_[static_cast<std::size_t>(slot)].tensor; }

  /// by slot
  const std::vector<DeviceTensor>& values_;
  int mode_;
};

/// A tensor as rows of its last axis.
tenon_tensor matrix(const tenon_tensor& tensor);
/// A tensor as one axis.
tenon_tensor flat(const tenon_tensor& tensor);

}  // namespace tenon
