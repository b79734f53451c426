#include "modules/module_weights.h"

#include <fmt/format.h>

#include "base/diagnostics.h"

namespace tenon {

WeightShapes shapes_of(const ModuleWeights& weights) {
  WeightShapes out;
  for (const auto& [name, tensors] : weights) {
    for (const auto& tensor : tensors) out[name].push_back(tensor.shape);
  }
  return out;
}

std::map<std::string, const ModuleTensor*> by_slot(const ModuleWeights& weights) {
  std::map<std::string, const ModuleTensor*> out;
  for (const auto& [name, tensors] : weights) {
    for (std::size_t i = 0; i < tensors.size(); ++i) out[weight_slot(name, i)] = &tensors[i];
  }
  return out;
}

void refuse_dtype(const ModuleTensor& tensor) {
  throw UserError("parity-dtype"_id, {tensor.key, 0, 0, {}, "", ""},
                  fmt::format("parity cannot run on {} weights", name_of(tensor.dtype)),
                  "It runs on F64, F32, F16 and BF16.");
}

}  // namespace tenon
