// What belongs to a weight: the tensors beside it in its module, by the names that quantisers and libraries
// give them. What each *is* decides what a layout operation may do to it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tenon {

enum class CompanionKind {
  /// the weight itself
  kWeight,
  /// the weight in packed codes, in its place
  kCodes,
  /// a scale for each row, group or block, or a single one
  kScale,
  /// a scale of the whole tensor, or of what goes in: one element
  kTensorScale,
  /// as kScale: what stands for zero
  kZeroPoint,
  kBias,
  /// integers that say a shape
  kShape,
  /// which column belongs to which group
  kIndex,
  /// a quantiser's maps and texts in bytes
  kState,
};

/// One tensor of a module: `X.weight_scale` is of module X, with the suffix `weight_scale`.
struct Companion {
  std::string module;
  std::string suffix;
  CompanionKind kind = CompanionKind::kWeight;
};

/// By its key; nothing where the last segments are none that are known.
std::optional<Companion> companion_of(std::string_view key);

/// A parameter that is no module's `weight` (stacked experts) has its companions beside it: `P_scale_inv` of
/// `P`. The suffix without the underscore, and `P` as the module; nothing where the name has no such end.
std::optional<Companion> stacked_companion_of(std::string_view key);

/// Is it there because the weight is quantised?
bool is_of_quantisation(CompanionKind kind);

/// Does it hold integers or bytes that say something about the weight? Such tensors are stacked, each staying
/// whole, but never joined, cut or reordered.
bool describes(CompanionKind kind);

/// Does it have an element for each row, group or block of the weight, so that it follows the weight's cuts?
bool follows_rows(CompanionKind kind);

}  // namespace tenon
