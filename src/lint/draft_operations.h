// Which operations make a tensor out of others: tried on views, and seen in the bytes.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "lint/draft_patterns.h"
#include "lint/draft_steps.h"
#include "lint/tensor_equality.h"
#include "rules/language/transform.h"

namespace tenon {

/// A kind that goes into another, and which of its stars collects a list; -1: none.
struct DraftPart {
  KeyKind* kind = nullptr;
  int list_star = -1;
};

/// What was seen to hold of every tensor of a kind.
struct DraftJoin {
  /// in the order in which they are joined
  std::vector<DraftPart> parts;
  /// as a rule file has them
  std::vector<std::string> operations;
  /// the same of the way back
  std::vector<std::string> inverse;
};

class DraftSearch {
 public:
  /// `from`: the checkpoint that the parts are of; `to`: that of what is made. `config` has numbers that a
  /// rule may name. All outlive it.
  DraftSearch(const Checkpoint& from, const Checkpoint& to, const nlohmann::ordered_json& config);

  /// How each tensor of `wanted` is made of tensors of kinds that are not used; nothing where it is not seen.
  std::optional<DraftJoin> find(const KeyKind& wanted, std::vector<KeyKind>& kinds);

 private:
  struct Candidate {
    DraftPart part;
    /// by tensor of the wanted kind
    std::vector<std::vector<std::uint32_t>> tensors;
    /// of the first of them
    std::vector<View> views;
  };
  struct Attempt {
    std::vector<const Candidate*> parts;
    std::vector<std::string> operations;
  };

  std::vector<Candidate> candidates(const KeyKind& wanted, std::vector<KeyKind>& kinds) const;
  std::optional<Candidate> candidate(const KeyKind& wanted, KeyKind& kind, int star) const;
  std::optional<Attempt> alone(const KeyKind& wanted, const std::vector<Candidate>& all);
  std::optional<Attempt> joined(const KeyKind& wanted, const std::vector<Candidate>& all);
  std::optional<Attempt> joined_by(const KeyKind& wanted, const std::vector<const Candidate*>& all,
                                   const std::vector<std::string>& before,
                                   const std::vector<std::string>& behind, const Shape& shape);
  bool go_on(const KeyKind& wanted, const std::vector<const Candidate*>& all, const std::vector<View>& views,
             const std::string& join, std::size_t dim, std::int64_t at, const Shape& shape,
             const std::vector<std::string>& behind, std::vector<std::size_t>& order);
  std::optional<View> apply(const std::vector<std::string>& operations,
                            const std::vector<std::vector<View>>& parts);
  bool holds(const Attempt& attempt, const KeyKind& wanted);
  DraftJoin finished(const Attempt& attempt, const KeyKind& wanted);
  std::string with_sizes(const Attempt& attempt, std::size_t join, const KeyKind& wanted);

  const Transform* transform(const std::vector<std::string>& operations, std::size_t parts);
  View view_of(std::uint32_t tensor) const;

  const Checkpoint& from_;
  const Checkpoint& to_;
  const nlohmann::ordered_json& config_;
  TensorEquality equal_;
  DraftHeads heads_;
  std::map<std::string, std::optional<Transform>> transforms_;
};

}  // namespace tenon
