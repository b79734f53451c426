#include "rules/invert.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace tenon {
namespace {

// One overload an operation: the compiler names the operation whose inverse is forgotten.
Concatenate inverse_of(const Chunk& o) {
  return {o.dim, o.num_shards_attribute, o.sizes};
}
Chunk inverse_of(const Concatenate& o) {
  return {o.dim, o.num_shards_attribute, o.sizes};
}
SplitModulelist inverse_of(const MergeModulelist& o) {
  return {o.dim};
}
MergeModulelist inverse_of(const SplitModulelist& o) {
  return {o.dim};
}
Transpose inverse_of(Transpose o) {
  std::swap(o.dim0, o.dim1);
  o.inverted = !o.inverted;
  return o;
}
Interleave inverse_of(const Interleave& o) {
  return {o.dim, !o.inverse};
}
LinearToConv3d inverse_of(const Conv3dToLinear& o) {
  return {o.in_channels, o.kernel_size};
}
Conv3dToLinear inverse_of(const LinearToConv3d& o) {
  return {o.in_channels, o.kernel_size};
}
PermuteForRope inverse_of(PermuteForRope o) {
  o.inverse = !o.inverse;
  return o;
}
ErnieSplitAndDecoupleTextVisionExperts inverse_of(const ErnieFuseAndSplitTextVisionExperts& o) {
  return {o.stack_dim, o.concat_dim};
}
ErnieFuseAndSplitTextVisionExperts inverse_of(const ErnieSplitAndDecoupleTextVisionExperts& o) {
  return {o.stack_dim, o.concat_dim};
}

// The pairs of a GroupWeightRename share intermediate names; sorting them by their new source puts the guard
// first again. Its inverse has them as they were written, with the guard that was chosen there.
void order_pairs(Transform& t) {
  const std::size_t count = t.source_patterns.size();
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (t.declared_pairs.empty()) {
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::tie(t.source_patterns[a], t.target_patterns[a]) <
             std::tie(t.source_patterns[b], t.target_patterns[b]);
    });
    t.declared_pairs = order;
  } else {
    for (std::size_t i = 0; i < count; ++i) order[t.declared_pairs[i]] = i;
    t.declared_pairs.clear();
  }
  const std::vector<std::string> sources = t.source_patterns;
  const std::vector<std::string> targets = t.target_patterns;
  for (std::size_t i = 0; i < count; ++i) {
    t.source_patterns[i] = sources[order[i]];
    t.target_patterns[i] = targets[order[i]];
  }
}

}  // namespace

Operation invert(const Operation& operation) {
  Operation out = operation;
  out.does =
      std::visit([](const auto& o) -> decltype(Operation::does) { return inverse_of(o); }, operation.does);
  return out;
}

Transform invert(const Transform& transform) {
  Transform out = transform;
  out.inverted = !transform.inverted;
  out.source_places.clear();
  out.modules = nullptr;  // the fused layout's keys name a family's modules by themselves
  if (transform.kind == TransformKind::kPrefixChange) {
    std::swap(out.prefix_to_add, out.prefix_to_remove);
    derive_prefix_patterns(out);
    return out;
  }
  std::swap(out.source_patterns, out.target_patterns);
  if (transform.kind == TransformKind::kGroupWeightRename) order_pairs(out);
  out.operations.clear();
  for (auto o = transform.operations.rbegin(); o != transform.operations.rend(); ++o)
    out.operations.push_back(invert(*o));
  return out;
}

std::vector<Transform> invert(const std::vector<Transform>& transforms,
                              const std::function<bool(const Transform&)>& keep) {
  std::vector<Transform> out;
  for (auto t = transforms.rbegin(); t != transforms.rend(); ++t) {
    if (!t->forward_only && keep(*t)) out.push_back(invert(*t));
  }
  return out;
}

}  // namespace tenon
