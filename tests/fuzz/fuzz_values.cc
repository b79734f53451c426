// A value operation with parameters and tensors as bytes say. What it makes reads within its tensors, fills
// each element once, and both evaluators agree on every element, or refuse the same one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "invariant.h"
#include "values/evaluate.h"
#include "values/interpreter.h"
#include "values/operations/operation_table.h"

using namespace tenon;
using fuzz::require;

namespace {

constexpr std::uint64_t kMaxElements = 4096;

// Takes choices from the front of the input, contents from what is left.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  std::size_t below(std::size_t count) { return byte() % count; }

  std::vector<std::byte> contents(std::uint64_t bytes) {
    std::vector<std::byte> out(bytes);
    for (std::uint64_t i = 0; i < bytes; ++i)
      out[i] = size_ == 0 ? static_cast<std::byte>(i * 37) : static_cast<std::byte>(data_[i % size_]);
    return out;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

constexpr const char* kRoles[] = {"weight",
                                  "weight_scale_inv",
                                  "weight_scale",
                                  "weight_scale_2",
                                  "weight_global_scale",
                                  "blocks",
                                  "scales",
                                  "weight_packed",
                                  "weight_shape",
                                  "weight_zero_point",
                                  "qweight",
                                  "qzeros",
                                  "g_idx",
                                  "qbiases",
                                  "input",
                                  "packed",
                                  "values"};
constexpr DType kDTypes[] = {DType::kU8,     DType::kI8,  DType::kF8E4M3, DType::kF8E5M2,
                             DType::kF8E8M0, DType::kF16, DType::kBF16,   DType::kI32,
                             DType::kU32,    DType::kF32, DType::kI64,    DType::kF64};
constexpr std::int64_t kExtents[] = {0, 1, 2, 3, 5, 8, 16, 17, 32, 40, 64, 96};

ValueParameters parameters_of(Choices& choices) {
  ValueParameters out;
  const std::size_t count = choices.below(5);
  for (std::size_t i = 0; i < count; ++i) {
    const auto pick = [&](std::vector<std::string> words) { return words[choices.below(words.size())]; };
    switch (choices.below(12)) {
      case 0:
        out["block_size"] = std::vector<std::int64_t>{1 + choices.byte() % 40, 1 + choices.byte() % 40};
        break;
      case 1:
        out["dtype"] = pick({"BF16", "F16", "F32", "F8_E4M3", "I8", "U8", "F64"});
        break;
      case 2:
        out["num_bits"] = static_cast<double>(choices.byte() % 10);
        break;
      case 3:
        out["group_size"] = static_cast<double>(choices.byte() % 70) - 1;
        break;
      case 4:
        out["strategy"] = pick({"tensor", "channel", "group", "block"});
        break;
      case 5:
        out["type"] = pick({"float", "int"});
        break;
      case 6:
        out["style"] = pick({"modelopt", "compressed-tensors"});
        break;
      case 7:
        out["layout"] = pick({"dense", "awq", "gptq"});
        break;
      case 8:
        out["symmetric"] = choices.below(2) == 0;
        break;
      case 9:
        out["size"] = static_cast<double>(choices.byte());
        break;
      case 10:
        out["dim"] = static_cast<double>(choices.below(2));
        break;
      default:
        out["overflow"] = pick({"error", "torch", "nan"});
        break;
    }
  }
  return out;
}

void require_agreement(const Recipe& recipe, const Nest& nest) {
  Interpreter interpreter(recipe);
  const std::size_t size = interpreter.element_bytes();
  const std::uint64_t count = element_count(nest);
  std::vector<std::byte> out(count * size);
  const auto refused = interpreter.run(nest, out.data());
  EvaluationMemory memory;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Evaluated one = evaluate(recipe, nest, i, &memory);
    if (one.refused) {
      require(refused.has_value(), "what one evaluator refuses the other refuses");
      return;
    }
    if (refused) continue;
    std::uint64_t element = 0;
    std::memcpy(&element, out.data() + i * size, size);
    const bool both_nan = recipe.result.fields.empty() && is_nan_code(recipe.result.coding, element) &&
                          is_nan_code(recipe.result.coding, one.element);
    require(element == one.element || both_nan, "both evaluators make the same element");
  }
  require(!refused.has_value(), "what neither evaluator refuses is not refused");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const auto names = value_operation_names();
  const std::string& name = names[choices.below(names.size())];
  const ValueParameters parameters = parameters_of(choices);
  std::map<std::string, std::vector<std::byte>> contents;
  ValueTensors tensors;
  const std::size_t count = 1 + choices.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string role = kRoles[choices.below(std::size(kRoles))];
    const DType dtype = kDTypes[choices.below(std::size(kDTypes))];
    Shape shape(choices.below(4));
    for (auto& extent : shape) extent = kExtents[choices.below(std::size(kExtents))];
    const auto elements = element_count(shape);
    if (!elements || *elements > kMaxElements) return 0;
    contents[role].clear();
    tensors[role] = {dtype, shape, nullptr};
  }
  for (auto& [role, tensor] : tensors) {
    contents[role] = choices.contents(byte_size(tensor.dtype, tensor.shape).value());
    tensor.contents = contents[role].data();
  }
  ValueOutputs made;
  try {
    made = apply_value_operation(name, parameters, tensors);
  } catch (const ValueError&) {
    return 0;
  }
  for (const auto& [role, output] : made) {
    const auto elements = element_count(output.shape);
    if (!elements || *elements > 16 * kMaxElements) return 0;
    std::vector<bool> filled(*elements, false);
    for (const ValuePiece& piece : output.pieces) {
      Nest nest{piece.extents, {}};
      for (const ValueOperand& operand : piece.operands) {
        const auto& bytes = contents.at(operand.role);
        nest.operands.push_back({bytes.data(), bytes.size(), operand.offset, operand.strides});
      }
      for (std::uint64_t i = 0; i < element_count(nest); ++i) {
        std::int64_t place = piece.output_offset;
        std::uint64_t rest = i;
        for (std::size_t d = piece.extents.size(); d-- > 0;) {
          place += static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(piece.extents[d])) *
                   piece.output_strides[d];
          rest /= static_cast<std::uint64_t>(piece.extents[d]);
        }
        require(place >= 0 && static_cast<std::uint64_t>(place) < *elements,
                "a piece fills its output alone");
        require(!filled[static_cast<std::size_t>(place)], "an element is filled once");
        filled[static_cast<std::size_t>(place)] = true;
      }
      require_agreement(piece.recipe, nest);
    }
    require(std::all_of(filled.begin(), filled.end(), [](bool f) { return f; }), "every element is filled");
  }
  return 0;
}
