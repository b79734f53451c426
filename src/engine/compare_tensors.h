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
  std::uint64_t element = 0;  // in row-major order
  std::string a;              // "0x3f80"
  std::string b;
};

/// Compares all tensors that both checkpoints have with one dtype and shape, in the order of `a`. `options`
/// give threads, stop and progress. Throws as execute() does.
std::vector<ElementDifference> compare_tensors(const Checkpoint& a, const Checkpoint& b,
                                               const EngineOptions& options);

}  // namespace tenon
