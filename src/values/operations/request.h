// One call of a value operation: its tensors and parameters, with the checks that all operations have in
// common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "values/operations/value_operation.h"

namespace tenon {

class ValueRequest {
 public:
  ValueRequest(const ValueParameters& parameters, const ValueTensors& inputs)
      : parameters_(parameters), inputs_(inputs) {}

  bool has(const std::string& role) const { return inputs_.contains(role); }
  /// Throws ValueError (missing).
  const ValueTensor& tensor(const std::string& role) const;
  /// The same; throws ValueError (dtype) where it is none of these.
  const ValueTensor& tensor(const std::string& role, const std::vector<DType>& allowed) const;
  /// All integers of a small tensor.
  std::vector<std::int64_t> integers(const std::string& role) const;

  bool given(const std::string& name) const;
  bool flag(const std::string& name, bool fallback) const;
  double number(const std::string& name, double fallback) const;
  /// Throws ValueError (parameter) where it is absent or no whole number within the bounds.
  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most,
                       std::optional<std::int64_t> fallback = {}) const;
  std::string word(const std::string& name, const std::vector<std::string>& choices,
                   std::string_view fallback) const;
  std::string text(const std::string& name, std::string_view fallback) const;
  std::vector<std::int64_t> extents(const std::string& name) const;
  DType dtype(DType fallback, const std::string& name = "dtype") const;
  Overflow overflow() const;

 private:
  const ValueParameter* find(const std::string& name) const;
  const ValueParameters& parameters_;
  const ValueTensors& inputs_;
};

[[noreturn]] void refuse(std::string word, std::string role, std::string message);

/// Coding of a dtype that recipes know. Throws ValueError (dtype).
Coding coding_or_refuse(DType dtype, const std::string& role = "");

/// F32, BF16, F16: what is quantised.
const std::vector<DType>& float_dtypes();

/// The product of the extents but the last two.
std::int64_t leading(const Shape& shape);

/// The result of a recipe whose output elements are numbers of `dtype`.
Result result_of(DType dtype, Overflow overflow = Overflow::kTorch);

/// A tensor that is copied, or transposed, as it is.
ValueOutput copied(const ValueTensor& tensor, const std::string& role);
ValueOutput transposed(const ValueTensor& tensor, const std::string& role);

/// A weight_shape tensor: I64 [2].
ValueOutput shape_tensor(std::int64_t rows, std::int64_t columns);

}  // namespace tenon
