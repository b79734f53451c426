// Which transform takes which key, and what it becomes: the order of SEMANTICS (docs/rules.md, "Order") in
// both directions.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "checkpoint/manifest.h"
#include "rules/key_rewriter.h"
#include "rules/language/transform.h"

namespace tenon {

/// What is known of the fused layout's own keys, without which some rule lists rename too much.
class FusedKeys {
 public:
  FusedKeys() = default;
  FusedKeys(const std::vector<std::string>& globs, std::string base_model_prefix);

  bool known() const { return known_; }
  bool contains(std::string_view key) const;

  /// The key itself, or with the base model's prefix taken off or put on where only that is a key of the
  /// fused layout.
  std::string fit(const std::string& key) const;

 private:
  /// globs whose every `*` is a whole segment
  std::unordered_set<std::string> templates_;
  /// globs without a `*`
  std::unordered_set<std::string> literals_;
  /// globs for which all numbers are alike: tested once a template
  std::vector<std::string> general_;
  /// globs that tell numbers apart
  std::vector<std::string> particular_;
  mutable std::unordered_map<std::string, bool> general_found_;
  std::string base_;
  bool known_ = false;
};

/// Where one key goes.
struct MappedKey {
  /// its new key; for a converter's input the key that all of its inputs share
  std::string key;
  /// index into the rule list, -1: none
  int converter = -1;
  /// the key that the converter saw
  std::string before_converter;
  /// what the converter did to it; `at` is where its target stands in `key`
  std::optional<Rewrite> rewrite;
};

/// One step that a key went through, for `explain`.
struct KeyStep {
  int transform = 0;
  std::string saw;
  /// nothing: it did not match
  std::optional<std::string> made;
};

/// Applies a rule list to keys, one after the other in natural order.
class KeyMapper {
 public:
  /// `to_fused`: renamings, then at most one converter; on the way back at most one converter, then the
  /// renamings. The list is already in the direction's order.
  /// Keys that `names` keeps go where it says, and meet no rule.
  KeyMapper(const std::vector<Transform>& transforms, bool to_fused, const FusedKeys& fused_keys,
            const RememberedNames* names = nullptr);

  MappedKey map(const std::string& key, std::vector<KeyStep>* steps = nullptr);

  /// The way back's second half: the renamings, on a full key that a converter made.
  std::string rename(std::string key, std::vector<KeyStep>* steps = nullptr) {
    return rename(std::move(key), steps, Whose::kAll);
  }

  const KeyRewriter& rewriter(int transform) const { return rewriters_[static_cast<std::size_t>(transform)]; }
  std::vector<bool> used() const;

 private:
  bool is_converter(std::size_t i) const {
    return rewriters_[i].transform().kind == TransformKind::kWeightConverter;
  }
  // The model's transforms, a family's, or both.
  enum class Whose { kAll, kOwn, kFamilies };
  bool takes_part(std::size_t i, Whose whose) const {
    return whose == Whose::kAll || rewriters_[i].transform().from_family == (whose == Whose::kFamilies);
  }
  std::string rename(std::string key, std::vector<KeyStep>* steps, Whose whose);
  void convert(MappedKey& mapped, std::vector<KeyStep>* steps, Whose whose);
  void fit_to_fused_keys(MappedKey& mapped, const std::string& source);
  bool made_by_family(MappedKey& mapped, const std::string& source);

  std::deque<KeyRewriter> rewriters_;
  bool to_fused_;
  bool has_families_ = false;
  const FusedKeys& fused_keys_;
  const RememberedNames* names_;
};

}  // namespace tenon
