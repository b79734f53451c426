#include "rules/invert.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

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
  return {operation->inverse(), operation.place};
}

Transform invert(const Transform& transform) {
  Transform out = transform;
  out.inverted = !transform.inverted;
  out.source_places.clear();
  // The fused layout's keys name a family's modules by themselves.
  if (!transform.modules_stay) out.modules = nullptr;
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
