// An operation of a converter that changes values: its parameters, and how its tensors are found among a
// converter's by the ends of its patterns. What it computes is src/values/operations.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rules/operations/layout_operation.h"
#include "rules/operations/value_rows.h"
#include "rules/operations/value_scope.h"

namespace tenon {

class ValueStep final : public LayoutOperation {
 public:
  explicit ValueStep(const ValueRow& value) : value_(&value) {}

  const OperationRow& row() const override;
  std::shared_ptr<LayoutOperation> clone() const override { return std::make_shared<ValueStep>(*this); }
  std::shared_ptr<const LayoutOperation> inverse() const override;
  std::string text() const override;
  void apply(const OperationContext& context, std::vector<Entry>& entries) const override;
  const ValueStep* value_step() const override { return this; }

  const ValueRow& value() const { return *value_; }
  /// As operations take them. Expressions have been evaluated.
  ValueParameters parameters() const;
  bool same_as(const ValueStep& other) const;
  /// Was it made by turning another round?
  bool is_turned() const { return turned_from_ != nullptr; }

  /// Its tensors' patterns, bundled by what stands before their roles: role -> place in the list.
  using Bundles = std::vector<std::map<std::string, std::size_t>>;
  Bundles bundles_of(const std::vector<std::string>& patterns, const std::vector<std::string>& roles) const;
  Bundles sources_of(const Transform& transform) const;
  Bundles targets_of(const Transform& transform) const;

  /// Takes parameters that are evaluated.
  void set(const ValueParameters& parameters);
  void read_parameter(const ValueParameterRow& row, const ParameterReader& reader);
  void resolve_parameter(const ValueParameterRow& row, const NumberResolver& resolver);
  nlohmann::ordered_json written_value(const ValueParameterRow& row) const;

 private:
  // A number, or an expression that becomes one; several are the extents of a block.
  using Given = std::variant<bool, double, std::string, std::vector<Number>>;

  void apply_each(const OperationContext& context, std::vector<Entry>& entries) const;
  void apply_to_bundles(const OperationContext& context, std::vector<Entry>& entries) const;
  ViewsByRole made_of(const ViewsByRole& inputs, const OperationContext& context,
                      const ValueParameters& parameters) const;
  Derivation* derivation_of(const ViewsByRole& inputs, ValueScope& scope) const;
  ViewsByRole derive(const ViewsByRole& inputs, const ViewsByRole& made, ValueScope& scope) const;
  ValueParameters parameters_for(const OperationContext& context, std::size_t item) const;
  ViewsByRole kept_of(const OperationContext& context, const std::map<std::string, std::size_t>& targets,
                      const std::vector<std::int64_t>& index) const;
  bool was_not_coded(const View& weight, const ViewsByRole& kept, const ValueScope& scope) const;
  std::string codes_target(const std::map<std::string, std::size_t>& targets) const;
  std::vector<std::string> roles_taken() const { return with_bias(value_->takes); }
  std::vector<std::string> roles_made() const { return with_bias(value_->makes); }
  std::vector<std::string> with_bias(std::vector<std::string> roles) const;
  static std::string codes_among(const ValueRow& row, const ViewsByRole& views);

  const ValueRow* value_;
  std::map<std::string, Given> given_;
  std::shared_ptr<const ValueStep> turned_from_;
};

/// The first of a converter's operations that changes values; null: none does.
const ValueStep* first_value_step(const Transform& transform);

/// The transform as operations before a last one that makes several tensors of a weight see it: with one
/// target for each weight, by which parts are counted. Throws OperationError.
Transform with_weights_alone(const Transform& transform);

}  // namespace tenon
