#include "modules/operation.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon {

void require(bool holds, const std::string& message) {
  if (!holds) throw Misfit(message);
}

void ShapeCall::rank(const std::string& operand, std::size_t rank) const {
  require(of(operand).size() == rank,
          fmt::format("{} has {} axes, not {}", operand, rank, to_string(of(operand))));
}

void ShapeCall::vector_of(const std::string& operand, std::int64_t extent) const {
  if (has(operand))
    require(of(operand) == Shape{extent},
            fmt::format("{} should be of shape [{}], it is {}", operand, extent, to_string(of(operand))));
}

std::size_t ShapeCall::axis(const std::string& operand) const {
  const auto n = static_cast<std::int64_t>(of(operand).size());
  const std::int64_t axis = attributes.integer("dim");
  require(axis >= -n && axis < n, fmt::format("there is no dim {}", axis));
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

const std::vector<ModuleOperation>& all_operations() {
  static const std::vector<ModuleOperation> all = [] {
    std::vector<ModuleOperation> out;
    for (const auto family :
         {linear_operations, norm_operations, element_operations, move_operations, rotation_operations,
          attention_operations, routing_operations, near_routing_operations, key_block_operations,
          expert_operations, fused_operations}) {
      for (auto& operation : family()) out.push_back(std::move(operation));
    }
    return out;
  }();
  return all;
}

const ModuleOperation* find_operation(std::string_view name) {
  const auto& all = all_operations();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const ModuleOperation& o) { return o.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> module_operation_names() {
  std::vector<std::string> out;
  for (const auto& operation : all_operations()) out.emplace_back(operation.name);
  return out;
}

BoundStep primitive(std::string_view operation, std::vector<std::pair<std::string, int>> operands,
                    nlohmann::ordered_json attributes) {
  BoundStep out;
  out.operation = find_operation(operation);
  if (out.operation == nullptr) throw std::logic_error("there is no operation " + std::string(operation));
  for (const auto& [operand, slot] : operands) {
    if (slot >= 0) out.operands[operand] = {slot};
  }
  out.attributes = std::move(attributes);
  return out;
}

}  // namespace tenon
