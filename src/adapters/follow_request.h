// An adapter whose pairs are to follow the rules of its base, and the phantoms that stand for its weights.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "adapters/adapter.h"
#include "plan/plan.h"

namespace tenon {

/// A tensor of the phantom checkpoint.
struct Phantom {
  enum class Kind {
    // of pair `index`
    kPair,
    // tensor `index` of Adapter::whole
    kWhole,
    // of the base alone: a part that the adapter leaves as it is
    kAbsent
  };
  Kind kind = Kind::kPair;
  std::size_t index = 0;
  Shape shape;
};

struct FollowRequest {
  const Adapter& adapter;
  /// parallel to the phantom checkpoint's tensors
  const std::vector<Phantom>& phantoms;
  /// that it is converted by
  const Plan& plan;
  const AdapterConfig& config;
  /// of a conversion the other way, or of this one
  const AdapterRecord* known = nullptr;
  // Are the bytes of two of the adapter's tensors equal?
  std::function<bool(std::uint32_t, std::uint32_t)> same_bytes;
};

}  // namespace tenon
