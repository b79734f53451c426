// One measured case: a checkpoint whose contents follow from its keys, the rules, and what must come out.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "plan/plan.h"
#include "rules/rule_set.h"

namespace tenon::golden {

using Json = nlohmann::ordered_json;

/// What a tensor must be: dtype, shape, first half of the SHA-256 of its bytes ("" where contents are not
/// compared).
struct Expected {
  std::string dtype;
  Shape shape;
  std::string digest;
  bool operator==(const Expected&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Expected& e);
using Tensors = std::map<std::string, Expected>;

/// How the bytes of an original tensor follow from its key (tests/golden/README.md).
enum class Contents { kBytes, kElements };

/// The tensors of a "original" or "runtime" map; without digests if `digests` is false.
Tensors expected_of(const Json& tensors, bool digests);

/// A checkpoint with these tensors in one shard, contents left out.
Checkpoint checkpoint_of(const Json& tensors, const Json& config);

/// The bytes of each tensor of a checkpoint.
using Bytes = std::vector<std::string>;
Bytes make_contents(const Checkpoint& checkpoint, Contents contents);

/// What the plan makes of these bytes, element by element: slow, and sharing no code with the engine.
std::map<std::string, std::string> carry_out(const Plan& plan, const Checkpoint& source,
                                             const Bytes& contents);

/// What a plan makes: with contents, digests too.
Tensors made_by(const Plan& plan, const Checkpoint& source, const Bytes* contents);

/// The converted checkpoint, with the manifest that a conversion writes.
Checkpoint converted(const Plan& plan, const Checkpoint& source, const RuleSet& rules);

/// The bytes of each tensor of the converted checkpoint.
Bytes converted_contents(const Plan& plan, const Checkpoint& source, const Bytes& contents,
                         const Checkpoint& into);

}  // namespace tenon::golden
