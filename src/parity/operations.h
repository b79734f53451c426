// The fixed set of operations that module programs are written in: their parameters, and what a fused one
// stands for.
#pragma once

#include <functional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "parity/program.h"

namespace tenon {

struct Parameter {
  enum class Kind { kValue, kValues, kWeight, kWeights, kInteger, kIntegers, kReal, kText, kFlag };
  std::string_view name;
  Kind kind;
  bool required = true;
};

/// What does not fit: shapes, or attributes that make no sense. Becomes a UserError at the step's place.
struct Misfit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Adds primitive steps to a program under construction, checking shapes as it goes.
class StepWriter {
 public:
  virtual ~StepWriter() = default;
  virtual const Shape& shape(int slot) const = 0;
  /// Writes a primitive step and returns its first output's slot. Throws Misfit.
  virtual int write(BoundStep step, std::size_t outputs = 1) = 0;
};

/// Rewrites a fused step (operands and attributes bound, `out` empty) into primitive ones; returns the slots
/// of its outputs.
using Expand = std::vector<int> (*)(StepWriter&, const BoundStep&);

struct ModuleOperation {
  std::string_view name;
  std::vector<Parameter> parameters;
  Expand expand = nullptr;  // fused operations only
  std::size_t outputs = 1;  // 0: as many as the step names
};

/// nullptr where there is none of that name.
const ModuleOperation* find_operation(std::string_view name);
std::vector<std::string> module_operation_names();

/// The shapes of a primitive step's outputs. Throws Misfit.
std::vector<Shape> infer_shapes(const BoundStep& step, std::span<const Shape> shapes, std::size_t outputs);

}  // namespace tenon
