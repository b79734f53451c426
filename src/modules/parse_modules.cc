#include "modules/parse_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "modules/operation.h"
#include "rules/language/expression.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Parameter::Kind;

constexpr std::size_t kMostSteps = 200;

bool is_text_list(const Json& json) {
  return json.is_array() &&
         std::all_of(json.begin(), json.end(), [](const Json& j) { return j.is_string(); });
}

bool fits(Kind kind, const Json& value) {
  switch (kind) {
    case Kind::kValue:
    case Kind::kIds:
    case Kind::kWeight:
    case Kind::kWeights:
    case Kind::kText:
    case Kind::kMap:
      return value.is_string();
    case Kind::kValues:
      return is_text_list(value) && !value.empty();
    case Kind::kInteger:
      return value.is_number_integer() || value.is_string();
    case Kind::kReal:
      return value.is_number() || value.is_string();
    case Kind::kFlag:
      return value.is_boolean() || value.is_string();
    case Kind::kIntegers:
      return value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& j) {
               return j.is_number_integer() || j.is_string();
             });
  }
  return false;
}

std::string_view wanted(Kind kind) {
  switch (kind) {
    case Kind::kValue:
    case Kind::kIds:
      return "the name of a value";
    case Kind::kValues:
      return "a list of names of values";
    case Kind::kWeight:
    case Kind::kWeights:
      return "the name of a weight";
    case Kind::kInteger:
      return "an integer or ${...}";
    case Kind::kIntegers:
      return "a list of integers or ${...}";
    case Kind::kReal:
      return "a number or ${...}";
    case Kind::kText:
      return "a text or ${...}";
    case Kind::kMap:
      return "${...} that gives a map";
    case Kind::kFlag:
      return "true, false or ${...}";
  }
  return "";
}

class ModulesParser {
 public:
  ModulesParser(const RuleFile& file, Diagnostics& diagnostics) : file_(file), diagnostics_(diagnostics) {}

  std::vector<ModuleProgram> run() {
    std::vector<ModuleProgram> out;
    std::set<std::string> names;
    for (std::size_t i = 0; i < file_.modules.size(); ++i) {
      out.push_back(module(file_.modules[i], fmt::format("/{}", i)));
      if (!names.insert(out.back().name).second)
        error("parity-program-name"_id, fmt::format("/{}/name", i),
              fmt::format("two module programs are called '{}'", out.back().name));
    }
    return out;
  }

 private:
  ModuleProgram module(const Json& json, const std::string& at) {
    ModuleProgram out;
    out.rule = file_.name;
    out.place = place(at);
    if (!json.is_object()) {
      error("parity-program-malformed"_id, at,
            "a module program is a map of keys: name, at, claims, inputs, original, fused, compare");
      return out;
    }
    known_keys(json, at, "a module program",
               {"name", "at", "for", "set", "claims", "made_by", "inputs", "original", "fused", "compare"},
               {"name", "at", "inputs", "original", "fused", "compare"});
    out.name = text(json, "name", at);
    out.at = text(json, "at", at);
    out.made_by = text(json, "made_by", at);
    out.claims = text(json, "claims", at);
    out.types = texts(json, "for", at);
    settings(json, at, out);
    inputs(json, at, out);
    out.original = program(json, "original", at, out);
    out.fused = program(json, "fused", at, out);
    out.compare = texts(json, "compare", at);
    compared(out, at);
    return out;
  }

  void settings(const Json& json, const std::string& at, ModuleProgram& out) {
    const auto found = json.find("set");
    if (found == json.end()) return;
    if (!found->is_object())
      return error("parity-program-malformed"_id, at + "/set", "'set' maps names to values");
    for (const auto& [name, value] : found->items()) {
      if (!value.is_string() || !is_expression(value.get<std::string>())) continue;
      if (const auto wrong = expression_error(value.get<std::string>()))
        error("parity-program-attribute"_id, fmt::format("{}/set/{}", at, name),
              fmt::format("'{}': {}", value.get<std::string>(), *wrong));
    }
    out.settings = *found;
  }

  void inputs(const Json& json, const std::string& at, ModuleProgram& out) {
    const auto found = json.find("inputs");
    if (found == json.end()) return;
    if (!found->is_object() || found->empty())
      return error("parity-program-malformed"_id, at + "/inputs",
                   "'inputs' maps the names of the module's inputs to their shapes");
    for (const auto& [name, value] : found->items()) {
      const std::string here = fmt::format("{}/inputs/{}", at, name);
      ModuleInput input{name, value, nullptr, place(here)};
      if (value.is_object()) {
        known_keys(value, here, "an input", {"shape", "below"}, {"shape"});
        input.shape = value.value("shape", Json::array());
        input.below = value.value("below", Json());
      }
      if (!fits(Kind::kIntegers, input.shape) || input.shape.empty())
        error("parity-program-malformed"_id, here,
              fmt::format("the shape of '{}' is a list of extents", name),
              "An extent is a number, tokens, ${...} or a weight's: gate_proj.weight[1].");
      out.inputs.push_back(std::move(input));
    }
  }

  Program program(const Json& json, const std::string& side, const std::string& at,
                  const ModuleProgram& module) {
    Program out;
    const auto found = json.find(side);
    if (found == json.end()) return out;
    const std::string here = at + "/" + side;
    if (!found->is_array() || found->empty() || found->size() > kMostSteps) {
      error("parity-program-malformed"_id, here,
            fmt::format("'{}' is a list of 1 to {} steps", side, kMostSteps));
      return out;
    }
    std::set<std::string> values;
    for (const auto& input : module.inputs) values.insert(input.name);
    for (std::size_t i = 0; i < found->size(); ++i)
      step((*found)[i], fmt::format("{}/{}", here, i), values, out);
    return out;
  }

  void step(const Json& json, const std::string& at, std::set<std::string>& values, Program& program) {
    if (!json.is_object() || !json.contains("op") || !json["op"].is_string())
      return error("parity-program-malformed"_id, at,
                   "a step is a map with an operation: {op: linear, x: x, weight: up_proj.weight, out: y}");
    Step out;
    out.place = place(at);
    const std::string name = json["op"];
    out.operation = find_operation(name);
    if (out.operation == nullptr) {
      const std::string hint = did_you_mean(name, module_operation_names());
      return error(
          "parity-program-operation"_id, at + "/op", fmt::format("there is no operation '{}'", name),
          hint.empty() ? fmt::format("There are: {}.", join_some(module_operation_names(), 40)) : hint);
    }
    std::vector<std::string> known = {"op", "out", "when"};
    std::vector<std::string> required = {"out"};
    for (const auto& p : out.operation->parameters) {
      known.emplace_back(p.name);
      if (p.required) required.emplace_back(p.name);
    }
    known_keys(json, at, name, known, required);
    for (const auto& p : out.operation->parameters) argument(json, p, at, values, out, program);
    condition(json, at, out);
    outputs(json, at, values, out);
    program.steps.push_back(std::move(out));
  }

  // Only a step that makes one value from another can be left out.
  void condition(const Json& json, const std::string& at, Step& step) {
    const auto found = json.find("when");
    if (found == json.end()) return;
    step.when = *found;
    const auto& parameters = step.operation->parameters;
    const bool passes = step.operation->outputs == 1 &&
                        std::any_of(parameters.begin(), parameters.end(),
                                    [](const Parameter& p) { return p.kind == Kind::kValue && p.required; });
    if (!passes)
      error(
          "parity-program-attribute"_id, at + "/when",
          fmt::format("{} cannot be left out: it makes its result of no single value", step.operation->name));
    if (!found->is_boolean() && !found->is_string())
      error("parity-program-attribute"_id, at + "/when",
            "'when' is true, false, ${...} or the name of a weight");
  }

  void argument(const Json& json, const Parameter& parameter, const std::string& at,
                const std::set<std::string>& values, Step& step, Program& program) {
    const std::string name(parameter.name);
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) return;
    const std::string here = at + "/" + name;
    if (!fits(parameter.kind, *found))
      return error("parity-program-attribute"_id, here,
                   fmt::format("'{}' of {} is {}", name, step.operation->name, wanted(parameter.kind)));
    step.arguments[name] = *found;
    step.places[name] = place(here);
    if (parameter.kind == Kind::kValue || parameter.kind == Kind::kIds) known_value(*found, here, values);
    if (parameter.kind == Kind::kValues) {
      for (const auto& value : *found) known_value(value, here, values);
    }
    if (parameter.kind == Kind::kWeight || parameter.kind == Kind::kWeights) {
      const WeightName weight = weight_name(*found);
      if (weight.list() != (parameter.kind == Kind::kWeights))
        error("parity-program-malformed"_id, here,
              weight.list() ? "a single weight is wanted here, '*' names a list"
                            : "a list of weights is wanted here: experts.*.up_proj.weight");
      if (std::find(program.weights.begin(), program.weights.end(), weight) == program.weights.end())
        program.weights.push_back(weight);
    }
  }

  void known_value(const std::string& name, const std::string& at, const std::set<std::string>& values) {
    if (values.contains(name)) return;
    const std::vector<std::string> names(values.begin(), values.end());
    error("parity-program-name"_id, at,
          fmt::format("'{}' is no input, and no step before this one makes it", name),
          did_you_mean(name, names));
  }

  void outputs(const Json& json, const std::string& at, std::set<std::string>& values, Step& step) {
    const auto found = json.find("out");
    if (found == json.end()) return;
    if (found->is_string()) {
      step.out = {found->get<std::string>()};
    } else if (is_text_list(*found) && !found->empty()) {
      step.out = found->get<std::vector<std::string>>();
    } else {
      return error("parity-program-malformed"_id, at + "/out",
                   "'out' is the name of the result, or a list of names");
    }
    const std::size_t makes = step.operation->outputs;
    if (makes != 0 && step.out.size() != makes)
      error("parity-program-malformed"_id, at + "/out",
            fmt::format("{} makes {} values, not {}", step.operation->name, makes, step.out.size()));
    for (const auto& name : step.out) {
      if (!values.insert(name).second)
        error("parity-program-name"_id, at + "/out", fmt::format("there is a value '{}' already", name));
    }
  }

  void compared(const ModuleProgram& module, const std::string& at) {
    if (module.compare.empty())
      error("parity-program-malformed"_id, at, "'compare' names at least one value");
    const auto makes = [](const Program& program, const std::string& name) {
      return std::any_of(program.steps.begin(), program.steps.end(), [&](const Step& step) {
        return std::find(step.out.begin(), step.out.end(), name) != step.out.end();
      });
    };
    for (const auto& name : module.compare) {
      for (const auto& [side, program] :
           {std::pair{"original", &module.original}, {"fused", &module.fused}}) {
        if (!program->steps.empty() && !makes(*program, name))
          error("parity-program-name"_id, at + "/compare",
                fmt::format("no step of '{}' makes '{}'", side, name));
      }
    }
  }

  static WeightName weight_name(std::string text) {
    const bool wanted = text.ends_with('!');
    const bool optional = text.ends_with('?') || wanted;
    if (optional) text.pop_back();
    return {text, optional, wanted};
  }

  void known_keys(const Json& json, const std::string& at, std::string_view what,
                  const std::vector<std::string>& known, const std::vector<std::string>& required) {
    for (const auto& [key, value] : json.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string hint = did_you_mean(key, known);
      if (hint.empty()) hint = fmt::format("Known here: {}.", join_some(known, 20));
      error("parity-program-malformed"_id, fmt::format("{}/{}", at, key),
            fmt::format("unknown key '{}' in {}", key, what), hint);
    }
    for (const auto& key : required) {
      if (!json.contains(key))
        error("parity-program-malformed"_id, at, fmt::format("{} needs the key '{}'", what, key));
    }
  }

  std::string text(const Json& json, const std::string& key, const std::string& at) {
    const auto found = json.find(key);
    if (found == json.end()) return "";
    if (found->is_string() && !found->get<std::string>().empty()) return *found;
    error("parity-program-malformed"_id, at + "/" + key, fmt::format("'{}' is a text", key));
    return "";
  }

  std::vector<std::string> texts(const Json& json, const std::string& key, const std::string& at) {
    const auto found = json.find(key);
    if (found == json.end()) return {};
    if (found->is_string()) return {found->get<std::string>()};
    if (is_text_list(*found)) return found->get<std::vector<std::string>>();
    error("parity-program-malformed"_id, at + "/" + key,
          fmt::format("'{}' is a text or a list of texts", key));
    return {};
  }

  Place place(const std::string& pointer) const {
    const auto found = file_.module_places.find(pointer);
    return found != file_.module_places.end() ? found->second
                                              : Place{file_.path.string(), 0, 0, {}, pointer, ""};
  }

  void error(ErrorId id, const std::string& at, std::string message, std::string hint = {}) {
    diagnostics_.error(id, place(at), std::move(message), std::move(hint));
  }

  const RuleFile& file_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::vector<ModuleProgram> parse_modules(const RuleFile& file, Diagnostics& diagnostics) {
  return ModulesParser(file, diagnostics).run();
}

}  // namespace tenon
