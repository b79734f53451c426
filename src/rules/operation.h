// The operations of a WeightConverter. Each moves elements and does no arithmetic on them; what each means is
// in docs/rules.md, what it does to a view is in plan/apply_operation.h, its inverse in rules/invert.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/diagnostics.h"

namespace tenon {

/// An integer in a rule file: written out, or an expression over the checkpoint's config that `resolve` has
/// evaluated.
struct Number {
  std::string text;  // as written: "3", "${config.hidden_size}"
  Place place;
  std::optional<std::int64_t> value;  // set at once for a literal, by resolve() for an expression
};

/// How the extents of the parts along the joined or cut dimension are known.
struct PartSizes {
  enum class Kind { kUndeclared, kEqual, kListed };
  Kind kind = Kind::kUndeclared;
  std::vector<Number> listed;
};

struct Chunk {
  int dim = 0;
  std::string num_shards_attribute;  // empty: as many parts as targets
  PartSizes sizes;
};
struct Concatenate {
  int dim = 0;
  std::string num_shards_attribute;
  PartSizes sizes;
};
struct MergeModulelist {
  int dim = 0;
};
struct SplitModulelist {
  int dim = 0;
};
struct Transpose {
  int dim0 = 0;
  int dim1 = 1;
  bool check_dims = false;
  std::vector<std::optional<Number>>
      target_shape;       // of the fused layout, nullopt: any extent; empty: not declared
  bool inverted = false;  // made by invert(): its *input* has the declared shape
};
struct Interleave {
  int dim = 0;
  bool inverse = false;
};
struct Conv3dToLinear {
  std::optional<Number> in_channels;
  std::vector<Number> kernel_size;  // t, h, w; empty: from the vision config
};
struct LinearToConv3d {
  std::optional<Number> in_channels;
  std::vector<Number> kernel_size;
};
struct PermuteForRope {
  std::string subconfig_key;
  std::vector<std::string> permute_layer_names;
  bool inverse = false;
  std::optional<std::int64_t> heads;  // set by resolve()
};
struct ErnieFuseAndSplitTextVisionExperts {
  int stack_dim = 0;
  int concat_dim = 1;
};
struct ErnieSplitAndDecoupleTextVisionExperts {
  int stack_dim = 0;
  int concat_dim = 1;
};

struct Operation {
  std::variant<Chunk, Concatenate, MergeModulelist, SplitModulelist, Transpose, Interleave, Conv3dToLinear,
               LinearToConv3d, PermuteForRope, ErnieFuseAndSplitTextVisionExperts,
               ErnieSplitAndDecoupleTextVisionExperts>
      does;
  Place place;
  std::optional<std::int64_t>
      shard_count;  // Chunk and Concatenate with num_shards_attribute: its value, set by resolve()
};

/// "Concatenate(dim=1)": how messages name an operation.
std::string to_string(const Operation& operation);

/// "Concatenate"
std::string_view name_of(const Operation& operation);

}  // namespace tenon
