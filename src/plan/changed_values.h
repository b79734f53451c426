// What a plan has to know of values that change: the operations' scope, its counterpart in the proof, and
// what the way back needs.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/checkpoint.h"
#include "options/options.h"
#include "plan/conversion.h"
#include "plan/plan.h"
#include "plan/way_back_of_values.h"

namespace tenon {

class ChangedValues {
 public:
  /// `returns`: the conversion goes back by a manifest. The first two outlive it.
  ChangedValues(const Checkpoint& checkpoint, const Options& options, bool returns);

  ValueScope& scope() { return scope_; }
  ValueScope& in_proof() { return proof_; }

  /// Does one of the transforms change values?
  bool take_part_in(const std::vector<Transform>& transforms) const;

  /// The conversion as its proof sees it (rules/operations/value_scope.h): what is computed is a tensor of
  /// its own, which comes back where its operation is undone.
  Conversion positions(const std::vector<NamedView>& inputs, const ConversionRequest& request,
                       const std::vector<bool>& dropped);

  /// Once the way back is proven: what comes back exactly, with what is kept, or not, which is an error.
  /// Conditions on scales go to the plan.
  void judge(Plan& plan, Diagnostics& diagnostics);

  /// Adds what is kept for the way back to the outputs: under the keys that it had, with a prefix.
  void keep(Conversion& conversion, Plan& plan) const;

 private:
  std::optional<std::uint32_t> source_of(const View& view) const;
  bool keeps_codes(const Derivation& derivation) const;
  /// Of an operation that rounds: is what it loses accepted?
  void accept_or_refuse(const Derivation& derivation, const WayBackOfValues& way, Plan& plan,
                        Diagnostics& diagnostics) const;
  void keep_roles(const Derivation& derivation, const std::vector<std::string>& roles,
                  Diagnostics& diagnostics);
  void require_scales(const Derivation& derivation, const ScaleRange& range, Plan& plan) const;

  const Checkpoint& checkpoint_;
  const Options& options_;
  bool returns_;
  ValueScope scope_;
  ValueScope proof_;
  // sources that are kept
  std::set<std::uint32_t> kept_;
};

}  // namespace tenon
