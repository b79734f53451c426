#include "modules/cuda/rotation_tables.h"

#include <span>

namespace tenon {

const RotationTables::Table& RotationTables::table(std::int64_t tokens, const Rotation& rotation) {
  std::vector<double> key = rotation.frequencies;
  key.push_back(rotation.factor);
  for (const Axis axis : rotation.axes) key.push_back(static_cast<double>(axis));
  const auto [found, is_new] = tables_.try_emplace({tokens, std::move(key)});
  if (is_new) {
    const RotationTable host(tokens, rotation);
    for (const auto& [values, tensor] :
         {std::pair{&host.cos, &found->second.cos}, {&host.sin, &found->second.sin}}) {
      const std::vector<float> rounded(values->begin(), values->end());
      *tensor = memory_.make({tokens, static_cast<std::int64_t>(rotation.frequencies.size())}, TENON_F32);
      memory_.upload(tensor->tensor, std::as_bytes(std::span(rounded)));
    }
  }
  return found->second;
}

}  // namespace tenon
