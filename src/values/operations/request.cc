#include "values/operations/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tenon {

void refuse(std::string word, std::string role, std::string message) {
  throw ValueError{std::move(word), std::move(role), std::move(message)};
}

const ValueTensor& ValueRequest::tensor(const std::string& role) const {
  const auto found = inputs_.find(role);
  if (found == inputs_.end()) refuse("missing", role, fmt::format("there is no {}", role));
  return found->second;
}

const ValueTensor& ValueRequest::tensor(const std::string& role, const std::vector<DType>& allowed) const {
  const ValueTensor& found = tensor(role);
  if (std::find(allowed.begin(), allowed.end(), found.dtype) != allowed.end()) return found;
  std::string names;
  for (const DType dtype : allowed) names += (names.empty() ? "" : " or ") + std::string(name_of(dtype));
  refuse("dtype", role, fmt::format("{} is {}, expected {}", role, name_of(found.dtype), names));
}

std::vector<std::int64_t> ValueRequest::integers(const std::string& role) const {
  const ValueTensor& found = tensor(role, {DType::kI32, DType::kI64});
  if (found.contents == nullptr) refuse("missing", role, fmt::format("{} was not read", role));
  std::vector<std::int64_t> out(element_count(found.shape).value_or(0));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (found.dtype == DType::kI64) {
      std::memcpy(&out[i], found.contents + i * 8, 8);
      continue;
    }
    std::int32_t value = 0;
    std::memcpy(&value, found.contents + i * 4, 4);
    out[i] = value;
  }
  return out;
}

const ValueParameter* ValueRequest::find(const std::string& name) const {
  const auto found = parameters_.find(name);
  if (found == parameters_.end() || std::holds_alternative<std::nullptr_t>(found->second)) return nullptr;
  return &found->second;
}

bool ValueRequest::given(const std::string& name) const {
  return find(name) != nullptr;
}

bool ValueRequest::flag(const std::string& name, bool fallback) const {
  const ValueParameter* const value = find(name);
  if (value == nullptr) return fallback;
  if (const bool* const flag = std::get_if<bool>(value)) return *flag;
  refuse("parameter", "", fmt::format("'{}' is true or false", name));
}

double ValueRequest::number(const std::string& name, double fallback) const {
  const ValueParameter* const value = find(name);
  if (value == nullptr) return fallback;
  if (const double* const number = std::get_if<double>(value)) return *number;
  refuse("parameter", "", fmt::format("'{}' is a number", name));
}

std::int64_t ValueRequest::integer(const std::string& name, std::int64_t least, std::int64_t most,
                                   std::optional<std::int64_t> fallback) const {
  if (!given(name) && fallback) return *fallback;
  if (!given(name)) refuse("parameter", "", fmt::format("'{}' is missing", name));
  const double value = number(name, 0);
  if (value != std::floor(value) || value < static_cast<double>(least) || value > static_cast<double>(most))
    refuse("parameter", "", fmt::format("'{}' is a whole number from {} to {}", name, least, most));
  return static_cast<std::int64_t>(value);
}

std::string ValueRequest::word(const std::string& name, const std::vector<std::string>& choices,
                               std::string_view fallback) const {
  const ValueParameter* const value = find(name);
  if (value == nullptr && !fallback.empty()) return std::string(fallback);
  const std::string* const word = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (word == nullptr || std::find(choices.begin(), choices.end(), *word) == choices.end())
    refuse("parameter", "", fmt::format("'{}' is one of {}", name, fmt::join(choices, ", ")));
  return *word;
}

std::string ValueRequest::text(const std::string& name, std::string_view fallback) const {
  const ValueParameter* const value = find(name);
  if (value == nullptr) return std::string(fallback);
  if (const std::string* const text = std::get_if<std::string>(value)) return *text;
  refuse("parameter", "", fmt::format("'{}' is a word", name));
}

std::vector<std::int64_t> ValueRequest::extents(const std::string& name) const {
  const ValueParameter* const value = find(name);
  const auto* const extents = value == nullptr ? nullptr : std::get_if<std::vector<std::int64_t>>(value);
  if (extents == nullptr || extents->size() != 2 || extents->front() < 1 || extents->back() < 1)
    refuse("parameter", "", fmt::format("'{}' is the rows and the columns of a block", name));
  return *extents;
}

DType ValueRequest::dtype(DType fallback, const std::string& name) const {
  const ValueParameter* const value = find(name);
  if (value == nullptr) return fallback;
  const std::string* const word = std::get_if<std::string>(value);
  const auto dtype = word == nullptr ? std::nullopt : parse_dtype(*word);
  if (!dtype) refuse("parameter", "", fmt::format("'{}' is a dtype", name));
  return *dtype;
}

Overflow ValueRequest::overflow() const {
  const std::string mode = word("overflow", {"error", "torch", "nan"}, "error");
  return mode == "error" ? Overflow::kError : mode == "torch" ? Overflow::kTorch : Overflow::kNan;
}

Coding coding_or_refuse(DType dtype, const std::string& role) {
  const auto coding = coding_of(dtype);
  if (!coding) refuse("dtype", role, fmt::format("{} takes part in no arithmetic", name_of(dtype)));
  return *coding;
}

const std::vector<DType>& float_dtypes() {
  static const std::vector<DType> kFloats = {DType::kF32, DType::kBF16, DType::kF16};
  return kFloats;
}

std::int64_t leading(const Shape& shape) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) count *= shape[i];
  return count;
}

Result result_of(DType dtype, Overflow overflow) {
  Result result{coding_or_refuse(dtype), overflow};
  result.element_bits = static_cast<std::uint8_t>(bits_of(dtype));
  if (dtype == DType::kBool) result.coding.bits = 1;
  return result;
}

namespace {

// Bits move as integers of their width, so that every NaN stays as it is.
Recipe copy_recipe(DType dtype) {
  const auto bits = static_cast<std::uint8_t>(bits_of(dtype));
  Recipe recipe;
  recipe.inputs.push_back({{Format::kUnsigned, bits}});
  recipe.result.coding = {Format::kUnsigned, bits};
  recipe.result.element_bits = bits;
  return recipe;
}

}  // namespace

ValueOutput copied(const ValueTensor& tensor, const std::string& role) {
  const auto count = static_cast<std::int64_t>(element_count(tensor.shape).value_or(0));
  ValueOutput out{tensor.dtype, tensor.shape, {}};
  if (count > 0)
    out.pieces.push_back({copy_recipe(tensor.dtype), {{role, 0, {bits_of(tensor.dtype)}}}, 0, {count}, {1}});
  return out;
}

ValueOutput transposed(const ValueTensor& tensor, const std::string& role) {
  if (tensor.shape.size() != 2) refuse("shape", role, "two dimensions are expected");
  const std::int64_t rows = tensor.shape[1];
  const std::int64_t columns = tensor.shape[0];
  const std::int64_t bits = bits_of(tensor.dtype);
  ValueOutput out{tensor.dtype, {rows, columns}, {}};
  if (rows * columns > 0) {
    out.pieces.push_back(
        {copy_recipe(tensor.dtype), {{role, 0, {bits, rows * bits}}}, 0, {rows, columns}, {columns, 1}});
  }
  return out;
}

ValueOutput shape_tensor(std::int64_t rows, std::int64_t columns) {
  ValueOutput out{DType::kI64, {2}, {}};
  for (const std::int64_t extent : {rows, columns}) {
    if (extent > std::int64_t{1} << 24) refuse("shape", "weight_shape", "more than 2^24 rows or columns");
    Recipe recipe;
    recipe.steps.push_back({StepKind::kConstant, 0, 0, static_cast<float>(extent)});
    recipe.result = result_of(DType::kI64);
    out.pieces.push_back({std::move(recipe), {}, static_cast<std::int64_t>(out.pieces.size()), {}, {}});
  }
  return out;
}

}  // namespace tenon
