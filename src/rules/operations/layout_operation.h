// What a layout operation is: one object of a class that stands in a file of its own (or with its inverse),
// and one row that says what is the same for all objects of the class. Operations act on views
// (tensor/view.h) and on parameters that a rule gave; both are stages before this one, so an operation needs
// nothing later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "options/value_types.h"
#include "rules/language/operation.h"
#include "rules/language/transform.h"
#include "rules/operations/parameter.h"
#include "tensor/facts.h"
#include "tensor/view.h"

namespace tenon {

class ValueStep;
struct ValueScope;

/// One bundle of views on its way through a converter: what a source pattern collected, or what an operation
/// made for a target pattern.
struct Entry {
  // is `pattern` an index into the target patterns, or into the source patterns?
  bool is_target = false;
  std::size_t pattern = 0;
  // what the `*` of a target stand for: the first, the second; one alone stands for all
  std::vector<std::int64_t> index;
  // several: a list that a pattern with `*` collected
  std::vector<View> views;
  // lengths of lists in lists, the outer first; views has the inner ones one after the other
  std::vector<std::size_t> lists;
};

/// Elements that an operation cuts off: zeros, so that the way back can give them, or anything.
struct CutOff {
  View view;
  bool any = false;
};

/// Where an operation works, what is known, and where it leaves what it finds out.
struct OperationContext {
  const Transform& transform;
  // the target key in the fused layout (forward), or the fused source key (way back)
  const std::string& key;
  bool to_fused = true;
  // of an earlier conversion the other way
  const Facts& known;
  const std::vector<LayoutAssumption>& assumptions;
  Facts& found;
  std::vector<std::string>& notes;
  std::vector<CutOff>& cuts;
  // of the operation in the rule as it is written
  std::size_t position = 0;
  // the first of the keys that the converter takes here; "": not known
  std::string source = {};
  // where values change; null: nowhere
  ValueScope* values = nullptr;
  // what the way there kept of the tensor that a target (and its numbers) names, where there is such
  std::function<std::optional<View>(std::size_t target, const std::vector<std::int64_t>& index)> kept = {};

  std::size_t target_count() const { return transform.target_patterns.size(); }
  bool target_has_star(std::size_t i) const {
    return transform.target_patterns[i].find('*') != std::string::npos;
  }
  /// Does an operation behind this one join what it leaves?
  bool is_joined_later() const;
  /// The pattern by which an entry goes.
  const std::string& pattern_of(const Entry& entry) const {
    return (entry.is_target ? transform.target_patterns : transform.source_patterns).at(entry.pattern);
  }
};

/// An operation that does not fit its views; the message says which shapes.
struct OperationError {
  ErrorId id;
  std::string message;
  std::string hint;
};

/// What is the same for every operation of a class.
struct OperationRow {
  std::string name;
  // what it does, one line for the schema
  std::string about;
  // the same for the table in docs/rules.md, and what its inverse is called there
  std::string long_about;
  std::string inverse;
  TensorArity arity;
  std::vector<OperationParameter> parameters;
  std::shared_ptr<LayoutOperation> (*make)();
};

class LayoutOperation {
 public:
  virtual ~LayoutOperation() = default;

  virtual const OperationRow& row() const = 0;
  virtual std::shared_ptr<LayoutOperation> clone() const = 0;
  virtual std::shared_ptr<const LayoutOperation> inverse() const = 0;

  /// "dim=1": its parameters in messages.
  virtual std::string text() const { return ""; }

  /// Replaces the entries by what the operation makes of them. Throws OperationError, TooManyPieces.
  virtual void apply(const OperationContext& context, std::vector<Entry>& entries) const = 0;

  /// Called once its parameters are read: what a rule leaves out, and what does not go together.
  virtual void complete(const ParameterReader&) {}

  /// Called once its numbers are evaluated: what else comes from config.json.
  virtual void resolve(const Place&, const NumberResolver&) {}

  /// The numbers of the list that it makes one tensor of, or takes apart into.
  virtual ListNumbers list_numbers() const { return {}; }

  // Where it joins tensors along a dimension, or cuts one into parts: what is beside a weight is joined and
  // cut where the weight is.

  /// That dimension; counts from the end where it is negative.
  virtual std::optional<int> parts_dim() const { return std::nullopt; }
  /// The same with parts of these extents.
  virtual std::shared_ptr<const LayoutOperation> with_parts(
      const std::vector<std::int64_t>& /*extents*/) const {
    return nullptr;
  }

  /// Itself, where it changes values.
  virtual const ValueStep* value_step() const { return nullptr; }

  // What lint asks.

  /// How many parts its parameters list, where they do.
  virtual std::optional<std::size_t> listed_parts() const { return std::nullopt; }
  /// Is it known without a manifest where the joined parts are to be cut? `of_list`: it joins a list.
  virtual bool knows_parts(bool /*of_list*/, bool /*from_registry*/) const { return true; }
  /// The names of which a pattern must contain one for the operation to touch its tensors.
  virtual const std::vector<std::string>* only_named() const { return nullptr; }
  /// The two dimensions that it swaps only where the tensor's shape asks for it.
  virtual std::optional<std::pair<int, int>> swaps_by_shape() const { return std::nullopt; }
};

/// What every class of operations has: `Self::describe()` makes its row.
template <class Self>
class OperationOf : public LayoutOperation {
 public:
  static const OperationRow& the_row() {
    static const OperationRow kRow = Self::describe();
    return kRow;
  }
  const OperationRow& row() const override { return the_row(); }
  std::shared_ptr<LayoutOperation> clone() const override {
    return std::make_shared<Self>(static_cast<const Self&>(*this));
  }
  static std::shared_ptr<LayoutOperation> make() { return std::make_shared<Self>(); }
};

/// "Concatenate(dim=1)": how messages name an operation.
std::string to_string(const Operation& operation);

/// "Concatenate"
std::string_view name_of(const Operation& operation);

/// {"Concatenate": {"dim": 1}}: as a rule file would say it, expressions as the numbers that they came to.
nlohmann::ordered_json to_json(const Operation& operation);

}  // namespace tenon
