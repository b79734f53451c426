// What a value operation makes of tensors: outputs, each a list of loop nests with a recipe. Nothing is
// computed here and no tensor is read but the small ones whose contents say what shape others have.
//
// Roles are the ends of a converter's patterns ("weight", "weight_scale_inv"). Every quantiser takes recorded
// scales, zero points and the like as inputs too: then it is the exact way back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tensor/dtype.h"
#include "values/recipe.h"

namespace tenon {

struct ValueTensor {
  DType dtype = DType::kF32;
  Shape shape;
  // the tensor's bytes, of weight_shape and g_idx; null where they are not known
  const std::byte* contents = nullptr;
};

/// By role.
using ValueTensors = std::map<std::string, ValueTensor>;

/// A parameter as a rule gives it: null, a switch, a number, a word, extents.
using ValueParameter = std::variant<std::nullptr_t, bool, double, std::string, std::vector<std::int64_t>>;
using ValueParameters = std::map<std::string, ValueParameter>;

struct ValueOperand {
  std::string role;
  // bits from the tensor's beginning, and for a step of each loop
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
};

struct ValuePiece {
  Recipe recipe;
  // parallel to the recipe's inputs
  std::vector<ValueOperand> operands;
  // elements of the output
  std::int64_t output_offset = 0;
  std::vector<std::int64_t> extents;
  std::vector<std::int64_t> output_strides;
};

struct ValueOutput {
  DType dtype = DType::kF32;
  Shape shape;
  // fill each element once
  std::vector<ValuePiece> pieces;
};

/// By role.
using ValueOutputs = std::map<std::string, ValueOutput>;

/// Tensors or parameters that do not fit the operation. `word` is the end of the diagnostic's id: missing,
/// shape, dtype, parameter, and those of Refusal.
struct ValueError {
  std::string word;
  std::string role;
  std::string message;
};

}  // namespace tenon
