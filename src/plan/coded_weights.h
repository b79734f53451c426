// Which of a checkpoint's weights are coded, in which format, and by which operation they are decoded.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace tenon {

struct CodedWeight {
  // index of the tensor that holds the codes
  std::uint32_t tensor = 0;
  // what its tensors' keys have in common: "model.layers.0.mlp.down_proj", and what stands between that and a
  // role
  std::string stem;
  std::string between;
  // of the tensors that are there; the codes' first
  std::vector<std::string> roles;
  // {"Fp8Dequantize": {"block_size": [128, 128]}}
  nlohmann::ordered_json operation;
  // the operation that packs the same integers as compressed-tensors does, by the same parameters; "": none
  std::string repacked_by = {};
};

/// In the order of their keys. Parameters come from quantization_config of config.json, and from shapes where
/// these leave no choice. Throws UserError where they do not say enough.
std::vector<CodedWeight> coded_weights(const Checkpoint& checkpoint);

}  // namespace tenon
