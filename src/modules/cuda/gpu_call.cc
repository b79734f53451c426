#include "modules/cuda/gpu_call.h"

#include "modules/activation.h"

namespace tenon {
namespace {

std::optional<int> activation_code(Activation act) {
  switch (act) {
    case Activation::kSilu:
      return TENON_SILU;
    case Activation::kGelu:
      return TENON_GELU;
    case Activation::kGeluTanh:
      return TENON_GELU_TANH;
    case Activation::kRelu:
      return TENON_RELU;
    default:
      return std::nullopt;
  }
}

}  // namespace

tenon_tensor matrix(const tenon_tensor& tensor) {
  const std::int64_t columns = tensor.rank == 0 ? 1 : tensor.shape[tensor.rank - 1];
  return reshaped(tensor, {columns == 0 ? 0 : element_count(tensor) / columns, columns});
}

tenon_tensor flat(const tenon_tensor& tensor) {
  return reshaped(tensor, {element_count(tensor)});
}

bool GpuCall::has(const std::string& operand) const {
  const auto found = step.operands.find(operand);
  return found != step.operands.end() && !found->second.empty();
}

tenon_tensor GpuCall::in(const std::string& operand, std::size_t i) const {
  return has(operand) ? value(step.operands.at(operand).at(i)) : tenon_tensor{};
}

tenon_tensor GpuCall::out(std::size_t i) const {
  return value(step.out.at(i));
}

const Shape& GpuCall::shape_of(const std::string& operand, std::size_t i) const {
  return program.shapes[static_cast<std::size_t>(step.operands.at(operand).at(i))];
}

const Shape& GpuCall::out_shape(std::size_t i) const {
  return program.shapes[static_cast<std::size_t>(step.out.at(i))];
}

std::optional<int> GpuCall::act() const {
  return activation_code(
      activation_of(attributes.has("act") ? attributes.text("act") : std::string(step.operation->name)));
}

bool GpuCall::plain_unit() const {
  return GatedUnit(attributes).plain() && act().has_value();
}

}  // namespace tenon
