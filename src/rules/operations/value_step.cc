#include "rules/operations/value_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <utility>

#include "base/text.h"
#include "rules/operations/registry.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

// ---- Parameters

void ValueStep::read_parameter(const ValueParameterRow& row, const ParameterReader& reader) {
  if (!reader.has(row.name)) return;
  switch (row.kind) {
    case ValueParameterKind::kFlag: {
      bool on = false;
      reader.read(row.name, on);
      given_[row.name] = on;
      return;
    }
    case ValueParameterKind::kWhole: {
      const auto numbers = reader.whole_numbers(row.name, 1);
      if (!numbers.empty()) given_[row.name] = numbers;
      return;
    }
    case ValueParameterKind::kBlock: {
      const auto numbers = reader.whole_numbers(row.name, 2);
      if (!numbers.empty()) given_[row.name] = numbers;
      return;
    }
    case ValueParameterKind::kNumber: {
      if (const auto number = reader.real_number(row.name)) given_[row.name] = *number;
      return;
    }
    case ValueParameterKind::kWord:
    case ValueParameterKind::kDType: {
      std::string text;
      reader.read(row.name, text);
      const bool known = row.kind == ValueParameterKind::kDType
                             ? parse_dtype(text).has_value()
                             : row.choices.empty() || std::find(row.choices.begin(), row.choices.end(),
                                                                text) != row.choices.end();
      if (!known) {
        reader.error(row.name, fmt::format("'{}' is {}", row.name,
                                           row.kind == ValueParameterKind::kDType
                                               ? "a dtype as safetensors names it: BF16, F32, F8_E4M3"
                                               : "one of " + join_some(row.choices)));
        return;
      }
      given_[row.name] = text;
      return;
    }
  }
}

void ValueStep::resolve_parameter(const ValueParameterRow& row, const NumberResolver& resolver) {
  const auto found = given_.find(row.name);
  if (found == given_.end()) return;
  if (auto* const numbers = std::get_if<std::vector<Number>>(&found->second)) {
    for (Number& number : *numbers) resolver.evaluate(number, std::numeric_limits<std::int64_t>::min());
  }
}

Json ValueStep::written_value(const ValueParameterRow& row) const {
  const auto found = given_.find(row.name);
  if (found == given_.end()) return {};
  if (const auto* const numbers = std::get_if<std::vector<Number>>(&found->second)) {
    Json list = Json::array();
    for (const Number& number : *numbers)
      list.push_back(number.value ? Json(*number.value) : Json(number.text));
    return row.kind == ValueParameterKind::kWhole ? list.front() : list;
  }
  return std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::vector<Number>>)
          return Json();
        else
          return Json(value);
      },
      found->second);
}

ValueParameters ValueStep::parameters() const {
  ValueParameters out;
  for (const auto& [name, value] : given_) {
    if (const auto* const numbers = std::get_if<std::vector<Number>>(&value)) {
      std::vector<std::int64_t> extents;
      for (const Number& number : *numbers) extents.push_back(number.value.value_or(0));
      if (extents.size() == 1)
        out[name] = static_cast<double>(extents.front());
      else
        out[name] = std::move(extents);
    } else if (const bool* const on = std::get_if<bool>(&value)) {
      out[name] = *on;
    } else if (const double* const number = std::get_if<double>(&value)) {
      out[name] = *number;
    } else {
      out[name] = std::get<std::string>(value);
    }
  }
  return out;
}

void ValueStep::set(const ValueParameters& parameters) {
  const auto number = [](std::int64_t value) { return Number{std::to_string(value), {}, value}; };
  for (const auto& [name, value] : parameters) {
    const auto row = std::find_if(value_->parameters.begin(), value_->parameters.end(),
                                  [&, n = name](const ValueParameterRow& r) { return r.name == n; });
    if (row == value_->parameters.end()) continue;
    if (const auto* const extents = std::get_if<std::vector<std::int64_t>>(&value)) {
      std::vector<Number> numbers;
      for (const std::int64_t extent : *extents) numbers.push_back(number(extent));
      given_[name] = std::move(numbers);
    } else if (const auto* const real = std::get_if<double>(&value)) {
      if (row->kind == ValueParameterKind::kNumber)
        given_[name] = *real;
      else
        given_[name] = std::vector<Number>{number(static_cast<std::int64_t>(*real))};
    } else if (const bool* const on = std::get_if<bool>(&value)) {
      given_[name] = *on;
    } else if (const auto* const text = std::get_if<std::string>(&value)) {
      given_[name] = *text;
    }
  }
}

std::string ValueStep::text() const {
  std::vector<std::string> parts;
  for (const ValueParameterRow& row : value_->parameters) {
    const Json value = written_value(row);
    if (value.is_null()) continue;
    parts.push_back(row.name + "=" + (value.is_string() ? value.get<std::string>() : value.dump()));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

bool ValueStep::same_as(const ValueStep& other) const {
  return value_ == other.value_ && parameters() == other.parameters();
}

std::shared_ptr<const LayoutOperation> ValueStep::inverse() const {
  if (turned_from_) return turned_from_;
  const ValueRow* const row = find_value_row(value_->inverse);
  // What is never taken back stands for itself, and the proof says so.
  auto out = std::make_shared<ValueStep>(row == nullptr ? *value_ : *row);
  if (row != nullptr) {
    for (const std::string& name : value_->shared) {
      if (const auto found = given_.find(name); found != given_.end()) out->given_[name] = found->second;
    }
    out->set(value_->added);
  }
  out->turned_from_ = std::make_shared<ValueStep>(*this);
  return out;
}

// ---- Roles

std::vector<std::string> ValueStep::with_bias(std::vector<std::string> roles) const {
  const auto found = given_.find("bias_name");
  if (found == given_.end()) return roles;
  for (std::string& role : roles) {
    if (role == "qbiases") role = std::get<std::string>(found->second);
  }
  return roles;
}

ValueStep::Bundles ValueStep::bundles_of(const std::vector<std::string>& patterns,
                                         const std::vector<std::string>& roles) const {
  Bundles out;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    PatternRole found = role_of_pattern(patterns[i], roles);
    if (found.role.empty()) found.role = roles.front();
    const auto [at, fresh] = known.try_emplace(found.stem, out.size());
    if (fresh) out.emplace_back();
    const auto [role, first] = out[at->second].try_emplace(found.role, i);
    if (!first)
      throw OperationError{
          "value-roles"_id,
          fmt::format("'{}' and '{}' both are {}", patterns[role->second], patterns[i], found.role),
          fmt::format("A pattern ends in what its tensor is: {}.", join_some(roles))};
  }
  return out;
}

ValueStep::Bundles ValueStep::sources_of(const Transform& transform) const {
  return bundles_of(transform.source_patterns, roles_taken());
}

ValueStep::Bundles ValueStep::targets_of(const Transform& transform) const {
  return bundles_of(transform.target_patterns, roles_made());
}

const ValueStep* first_value_step(const Transform& transform) {
  for (const auto& operation : transform.operations) {
    if (const ValueStep* const step = operation->value_step()) return step;
  }
  return nullptr;
}

Transform with_weights_alone(const Transform& transform) {
  Transform out = transform;
  const auto& operations = transform.operations;
  const ValueStep* const last = operations.empty() ? nullptr : operations.back()->value_step();
  const bool makes_several = last != nullptr && (last->value().kind == ValueKind::kEncode ||
                                                 last->value().kind == ValueKind::kRecode);
  if (!makes_several) return out;
  out.target_patterns.clear();
  for (const auto& bundle : last->targets_of(transform)) {
    auto codes = std::find_if(bundle.begin(), bundle.end(),
                              [&](const auto& role) { return last->value().is_codes(role.first); });
    if (codes == bundle.end()) codes = bundle.begin();
    out.target_patterns.push_back(transform.target_patterns[codes->second]);
  }
  return out;
}

// ---- Rows

namespace {

TensorArity arity_of(const ValueRow& row) {
  switch (row.kind) {
    case ValueKind::kEach:
      return {};
    case ValueKind::kDecode:
      return {TensorArity::Takes::kEach, TensorArity::Leaves::kSame};
    case ValueKind::kEncode:
    case ValueKind::kRecode:
      return {TensorArity::Takes::kEach, TensorArity::Leaves::kTargets};
  }
  return {};
}

Json schema_of_parameter(const ValueParameterRow& row) {
  const Json number = {{"$ref", "#/$defs/number"}};
  const auto or_null = [](Json schema) {
    return Json{{"oneOf", Json::array({std::move(schema), {{"type", "null"}}})}};
  };
  switch (row.kind) {
    case ValueParameterKind::kFlag:
      return {{"type", "boolean"}};
    case ValueParameterKind::kWhole:
      return or_null({{"oneOf", Json::array({{{"type", "integer"}}, number})}});
    case ValueParameterKind::kNumber:
      return {{"type", "number"}};
    case ValueParameterKind::kBlock:
      return or_null({{"type", "array"}, {"items", number}, {"minItems", 2}, {"maxItems", 2}});
    case ValueParameterKind::kWord:
    case ValueParameterKind::kDType:
      break;
  }
  return or_null(row.choices.empty() ? Json{{"type", "string"}} : Json{{"enum", row.choices}});
}

OperationParameter parameter_of(const ValueParameterRow& row) {
  return {row.name,
          row.about,
          false,
          schema_of_parameter(row),
          [&row](LayoutOperation& o, const ParameterReader& reader) {
            static_cast<ValueStep&>(o).read_parameter(row, reader);
          },
          [&row](LayoutOperation& o, const NumberResolver& r) {
            static_cast<ValueStep&>(o).resolve_parameter(row, r);
          },
          [&row](const LayoutOperation& o) { return static_cast<const ValueStep&>(o).written_value(row); }};
}

constexpr std::size_t kCount = 29;

template <std::size_t I>
std::shared_ptr<LayoutOperation> make_step() {
  return std::make_shared<ValueStep>(value_rows()[I]);
}

template <std::size_t... I>
std::vector<OperationRow> make_rows(std::index_sequence<I...>) {
  if (value_rows().size() != kCount)
    throw std::logic_error("the table of value operations has another length");
  const std::array<std::shared_ptr<LayoutOperation> (*)(), kCount> make = {&make_step<I>...};
  std::vector<OperationRow> out;
  for (std::size_t i = 0; i < kCount; ++i) {
    const ValueRow& row = value_rows()[i];
    std::string about = row.about + ".";
    about.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(about.front())));
    OperationRow made{row.name,      about, row.about, row.inverse.empty() ? "none" : "`" + row.inverse + "`",
                      arity_of(row), {},    make[i]};
    for (const ValueParameterRow& parameter : row.parameters)
      made.parameters.push_back(parameter_of(parameter));
    out.push_back(std::move(made));
  }
  return out;
}

}  // namespace

const std::vector<OperationRow>& value_operation_rows() {
  static const std::vector<OperationRow> kRows = make_rows(std::make_index_sequence<kCount>());
  return kRows;
}

const OperationRow& ValueStep::row() const {
  return value_operation_rows()[static_cast<std::size_t>(value_ - value_rows().data())];
}

}  // namespace tenon
