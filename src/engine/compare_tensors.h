// Byte comparison of two checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

namespace tenon {

/// The first element in which two tensors of one key differ.
struct ElementDifference {
  std::string key;
  /// in row-major order
  std::uint64_t element = 0;
  /// "0x3f80"
  std::string a;
  std::string b;
};

/// Compares all tensors that both checkpoints have with one dtype and shape, in the order of `a`. `options`
/// give threads and the stage's name. Throws as execute() does.
std::vector<ElementDifference> compare_tensors(const Checkpoint& a, const Checkpoint& b,
                                               const EngineOptions& options, Observer& observer = nobody());

}  // namespace tenon
