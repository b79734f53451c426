#include "parity/module_weights.h"

#include <fmt/format.h>

namespace tenon {

WeightShapes shapes_of(const ModuleWeights& weights) {
  WeightShapes out;
  for (const auto& [name, tensors] : weights) {
    for (const auto& tensor : tensors) out[name].push_back(tensor.shape);
  }
  return out;
}

std::map<std::string, Array<float>> numbers_of(const ModuleWeights& weights, const NumberFormat& format) {
  std::map<std::string, Array<float>> out;
  for (const auto& [name, tensors] : weights) {
    const bool list = name.find('*') != std::string::npos;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      auto values = decode(tensors[i].dtype, tensors[i].bytes);
      if (!values)
        throw UserError({tensors[i].key, 0, 0, {}, "", ""},
                        fmt::format("parity cannot run on {} weights", name_of(tensors[i].dtype)),
                        "It runs on F64, F32, F16 and BF16.");
      for (auto& value : *values) value = round_to(format, value);
      out[weight_slot(name, i, list)] = Array<float>(tensors[i].shape, std::move(*values));
    }
  }
  return out;
}

}  // namespace tenon
