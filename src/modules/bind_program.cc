#include "modules/bind_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "modules/operation.h"
#include "rules/language/expression.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Parameter::Kind;

constexpr std::int64_t kLargestInteger = 1 << 24;  // FP32 holds those below exactly
constexpr std::int64_t kMostElements = std::int64_t{1} << 36;

// "gate_proj.weight[1]": the extent of a weight; "experts.*.up_proj.weight[*]": how many a list has. Nothing
// where the text is not of that form.
std::optional<std::int64_t> extent_of(const std::string& text, const WeightShapes& weights) {
  const std::size_t open = text.rfind('[');
  if (open == std::string::npos || !text.ends_with(']')) return std::nullopt;
  const auto found = weights.find(text.substr(0, open));
  std::size_t axis = 0;
  if (found != weights.end() && text.ends_with("[*]")) return static_cast<std::int64_t>(found->second.size());
  const char* const end = text.data() + text.size() - 1;
  const auto [at, failed] = std::from_chars(text.data() + open + 1, end, axis);
  if (failed != std::errc() || at != end || found == weights.end() || found->second.empty())
    return std::nullopt;
  const Shape& shape = found->second.front();
  return axis < shape.size() ? std::optional(shape[axis]) : std::nullopt;
}

Json resolved(const Json& value, const Place& place, const WeightShapes& weights,
              const BindRequest& request) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& item : value) out.push_back(resolved(item, place, weights, request));
    return out;
  }
  if (!value.is_string()) return value;
  const std::string text = value;
  if (is_expression(text)) return evaluate(text, request.config, request.names, place);
  if (text == "tokens") return request.tokens;
  if (const auto extent = extent_of(text, weights)) return *extent;
  return value;
}

Shape shape_of(const Json& value, const ModuleInput& input, const WeightShapes& weights,
               const BindRequest& request) {
  Shape out;
  std::int64_t all = 1;
  for (const auto& extent : resolved(value, input.place, weights, request)) {
    if (!extent.is_number_integer() || extent.get<std::int64_t>() <= 0 ||
        extent.get<std::int64_t>() > kMostElements / all)
      throw UserError("parity-program-shape"_id, input.place,
                      fmt::format("input '{}': {} is no extent", input.name, extent.dump()),
                      "An extent is a number, tokens, ${...} or a weight's: gate_proj.weight[1].");
    out.push_back(extent);
    all *= out.back();
  }
  return out;
}

class Binder : StepWriter {
 public:
  Binder(const WeightShapes& weights, const BindRequest& request) : weights_(weights), request_(request) {}

  void add_slot(const std::string& name, const Shape& shape) {
    program_.slots[name] = static_cast<int>(program_.shapes.size());
    program_.shapes.push_back(shape);
  }

  void add_weight(const WeightName& weight) {
    const auto found = weights_.find(weight.name);
    if (found == weights_.end()) return;
    for (std::size_t i = 0; i < found->second.size(); ++i)
      add_slot(weight_slot(weight.name, i), found->second[i]);
  }

  void add_step(const Step& step) {
    for (const auto& [name, value] : step.arguments.items()) {
      // A step whose input could not be made says nothing new.
      if (uses_unknown(value)) return forget(step);
    }
    try {
      bind(step);
    } catch (const Misfit& misfit) {
      diagnostics_.error("parity-program-shape"_id, step.place,
                         fmt::format("{}: {}", step.operation->name, misfit.what()));
      forget(step);
    } catch (const nlohmann::json::exception&) {
      diagnostics_.error("parity-program-attribute"_id, step.place,
                         fmt::format("{}: an attribute has the wrong type", step.operation->name));
      forget(step);
    } catch (const UserError& error) {
      for (const auto& d : error.diagnostics()) diagnostics_.add(d);
      forget(step);
    }
  }

  BoundProgram finish() {
    diagnostics_.throw_if_errors();
    return std::move(program_);
  }

 private:
  const Shape& shape(int slot) const override { return program_.shapes[static_cast<std::size_t>(slot)]; }

  int write(BoundStep step, std::size_t outputs) override {
    const auto shapes = step.operation->shapes({step, program_.shapes, outputs, Attributes(step.attributes)});
    const int first = static_cast<int>(program_.shapes.size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      step.out.push_back(first + static_cast<int>(i));
      program_.shapes.push_back(shapes[i]);
    }
    program_.steps.push_back(std::move(step));
    return first;
  }

  // Is a step with a condition there?
  bool is_there(const Step& step) const {
    if (step.when.is_null()) return true;
    if (step.when.is_boolean()) return step.when.get<bool>();
    const std::string text = step.when;
    if (!is_expression(text)) return weights_.contains(text);
    const Json value = evaluate(text, request_.config, request_.names, step.place);
    return value.is_boolean() ? value.get<bool>() : !value.is_null();
  }

  // The result of a step that is not there is its first operand.
  void pass(const Step& step) {
    for (const auto& parameter : step.operation->parameters) {
      if (parameter.kind != Kind::kValue || !step.arguments.contains(std::string(parameter.name))) continue;
      program_.slots[step.out.front()] = program_.slots.at(step.arguments[std::string(parameter.name)]);
      return;
    }
  }

  void bind(const Step& step) {
    if (!is_there(step)) return pass(step);
    BoundStep bound;
    bound.operation = step.operation;
    for (const auto& parameter : step.operation->parameters) argument(step, parameter, bound);
    if (const auto act = bound.attributes.find("act"); act != bound.attributes.end()) *act = activation(*act);
    declare(step, bound);
    WholeStep whole{bound, program_.steps.size(), 0};
    if (step.operation->expand != nullptr) {
      whole.step.out = step.operation->expand(*this, bound);
    } else {
      const int first = write(std::move(bound), step.out.size());
      for (std::size_t i = 0; i < step.out.size(); ++i) whole.step.out.push_back(first + static_cast<int>(i));
    }
    for (std::size_t i = 0; i < step.out.size(); ++i) program_.slots[step.out[i]] = whole.step.out[i];
    whole.last = program_.steps.size();
    program_.whole.push_back(std::move(whole));
  }

  void declare(const Step& step, const BoundStep& bound) {
    DeclaredStep declared{bound.operation, bound.attributes, {}};
    for (const auto& parameter : step.operation->parameters) {
      const std::string name(parameter.name);
      const bool weight = parameter.kind == Kind::kWeight || parameter.kind == Kind::kWeights;
      if (!weight || !bound.operands.contains(name)) continue;
      std::string value = step.arguments[name];
      if (value.ends_with('?') || value.ends_with('!')) value.pop_back();
      declared.weights[name] = value;
    }
    program_.declared.push_back(std::move(declared));
  }

  void argument(const Step& step, const Parameter& parameter, BoundStep& bound) {
    const std::string name(parameter.name);
    const auto found = step.arguments.find(name);
    if (found == step.arguments.end()) return;
    switch (parameter.kind) {
      case Kind::kValue:
      case Kind::kIds:
        bound.operands[name] = {program_.slots.at(*found)};
        return;
      case Kind::kValues:
        for (const auto& value : *found) bound.operands[name].push_back(program_.slots.at(value));
        return;
      case Kind::kWeight:
      case Kind::kWeights:
        return weight(step, name, *found, bound);
      default:
        bound.attributes[name] = resolved(*found, step.places.at(name), weights_, request_);
        checked(parameter, bound.attributes[name], step.places.at(name));
    }
  }

  void weight(const Step& step, const std::string& parameter, std::string name, BoundStep& bound) {
    const bool optional = name.ends_with('?');
    if (optional || name.ends_with('!')) name.pop_back();
    const auto found = weights_.find(name);
    if (found == weights_.end()) {
      if (!optional)
        throw UserError("parity-no-weight"_id, step.places.at(parameter),
                        fmt::format("the module has no weight '{}'", name));
      return;
    }
    for (std::size_t i = 0; i < found->second.size(); ++i)
      bound.operands[parameter].push_back(program_.slots.at(weight_slot(name, i)));
  }

  static void checked(const Parameter& parameter, const Json& value, const Place& place) {
    const auto is_integer = [](const Json& j) { return j.is_number_integer(); };
    bool fits = true;
    if (parameter.kind == Kind::kInteger) fits = is_integer(value);
    if (parameter.kind == Kind::kIntegers)
      fits = value.is_array() && std::all_of(value.begin(), value.end(), is_integer);
    if (parameter.kind == Kind::kReal) fits = value.is_number();
    if (parameter.kind == Kind::kMap) fits = value.is_object();
    if (parameter.kind == Kind::kText) fits = value.is_string();
    if (parameter.kind == Kind::kFlag) fits = value.is_boolean();
    if (!fits)
      throw UserError("parity-program-attribute"_id, place,
                      fmt::format("'{}' has the value {}, which is of the wrong type", parameter.name,
                                  value.dump().substr(0, 60)));
  }

  // The names that configs use.
  static std::string activation(const std::string& name) {
    static const std::map<std::string, std::string> names = {
        {"silu", "silu"},           {"swish", "silu"},         {"gelu", "gelu"},
        {"gelu_tanh", "gelu_tanh"}, {"relu", "relu"},          {"gelu_pytorch_tanh", "gelu_tanh"},
        {"relu2", "relu2"},         {"relu_squared", "relu2"}, {"gelu_new", "gelu_tanh"},
        {"sigmoid", "sigmoid"},     {"tanh", "tanh"},          {"gelu_fast", "gelu_tanh"},
        {"gelu_python", "gelu"}};
    const auto found = names.find(name);
    if (found == names.end())
      throw Misfit(fmt::format("there is no activation '{}': silu, gelu, gelu_tanh, relu, relu2", name));
    return found->second;
  }

  bool uses_unknown(const Json& value) const {
    if (value.is_array())
      return std::any_of(value.begin(), value.end(), [&](const Json& j) { return uses_unknown(j); });
    return value.is_string() && unknown_.contains(value.get<std::string>());
  }

  void forget(const Step& step) { unknown_.insert(step.out.begin(), step.out.end()); }

  const WeightShapes& weights_;
  const BindRequest& request_;
  BoundProgram program_;
  std::set<std::string> unknown_;
  Diagnostics diagnostics_;
};

}  // namespace

std::vector<std::string> WeightName::alternatives() const {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t end = std::min(name.find('|', from), name.size());
    out.push_back(name.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

std::string weight_slot(const std::string& name, std::size_t i) {
  return WeightName{name}.list() ? fmt::format("weight {}#{}", name, i) : "weight " + name;
}

std::vector<Shape> input_shapes(const ModuleProgram& module, const WeightShapes& weights,
                                const BindRequest& request) {
  std::vector<Shape> out;
  for (const auto& input : module.inputs) out.push_back(shape_of(input.shape, input, weights, request));
  return out;
}

std::int64_t input_limit(const ModuleInput& input, const WeightShapes& weights, const BindRequest& request) {
  const Json limit = resolved(input.below, input.place, weights, request);
  if (limit.is_number_integer() && limit.get<std::int64_t>() > 0 &&
      limit.get<std::int64_t>() <= kLargestInteger)
    return limit;
  throw UserError("parity-program-attribute"_id, input.place,
                  fmt::format("input '{}': 'below' is an integer from 1 to {}", input.name, kLargestInteger));
}

BoundProgram bind_program(const Program& program, const std::vector<ModuleInput>& inputs,
                          const std::vector<Shape>& input_shapes, const WeightShapes& weights,
                          const BindRequest& request) {
  Binder binder(weights, request);
  for (std::size_t i = 0; i < inputs.size(); ++i) binder.add_slot(inputs[i].name, input_shapes[i]);
  for (const auto& weight : program.weights) binder.add_weight(weight);
  for (const auto& step : program.steps) binder.add_step(step);
  return binder.finish();
}

}  // namespace tenon
