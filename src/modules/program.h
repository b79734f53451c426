// Module programs: what an original and a fused module compute, as straight-line programs over a fixed set of
// operations. First as a rule file declares them (Program), then bound to the shapes of one module of one
// checkpoint (BoundProgram), where every value has a slot and every number is known.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "tensor/dtype.h"

namespace tenon {

struct ModuleOperation;  // modules/operation.h

/// A weight by its name below the module. "experts.*.up_proj.weight" is a list of weights, by index;
/// "gate_proj.bias?" is used where the checkpoint has it; "gate.weight|router.weight" is the first that is
/// there.
struct WeightName {
  std::string name;
  bool optional = false;
  /// Written "q_norm.weight!": optional, but a step that reads it is only there where it is.
  bool wanted = false;
  bool list() const { return name.find('*') != std::string::npos; }
  std::vector<std::string> alternatives() const;
  bool operator==(const WeightName&) const = default;
};

struct Step {
  const ModuleOperation* operation = nullptr;
  /// as written, `op` and `out` taken off
  nlohmann::ordered_json arguments;
  /// of each argument
  std::map<std::string, Place> places;
  std::vector<std::string> out;
  /// null, or when the step is there: a truth value, or a weight that the module must hold. Where it is not,
  /// its result is its first operand.
  nlohmann::ordered_json when;
  Place place;
};

struct Program {
  std::vector<Step> steps;
  /// every weight that the steps name, once
  std::vector<WeightName> weights;
};

/// What a module is given.
struct ModuleInput {
  std::string name;
  /// list of extents: numbers, "tokens", "${...}", "gate_proj.weight[1]"
  nlohmann::ordered_json shape;
  /// null: real numbers; else the input holds integers below this extent
  nlohmann::ordered_json below;
  Place place;
};

/// One entry of a rule file's `modules:`.
struct ModuleProgram {
  std::string name;
  /// glob of module paths in the fused layout; a leading `**.` also matches nothing
  std::string at;
  /// where set: the operation that must have made one of the fused weights
  std::string made_by;
  std::vector<ModuleInput> inputs;
  Program original;
  Program fused;
  std::vector<std::string> compare;
  /// What is claimed to be compared: "whole module", "routed experts", "projections".
  std::string claims;
  /// Model types whose modules this is known to be; empty: whatever the type.
  std::vector<std::string> types;
  /// What steps read as set.NAME: values, or expressions; one whose value is absent is left out.
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();
  /// the rule file's name
  std::string rule;
  Place place;
};

/// A primitive operation on slots. `operands` maps parameter names to slots of the environment.
struct BoundStep {
  const ModuleOperation* operation = nullptr;
  std::map<std::string, std::vector<int>> operands;
  nlohmann::ordered_json attributes = nlohmann::ordered_json::object();
  std::vector<int> out;
  /// of a fused operation: a production kernel may keep the result in FP32
  bool inside = false;
};

/// A step as its rule file has it, with its attributes known: what the mutants of check 5 are made by.
struct DeclaredStep {
  const ModuleOperation* operation = nullptr;
  nlohmann::ordered_json attributes;
  /// parameter -> weight name
  std::map<std::string, std::string> weights;
};

/// A step as its rule file has it, on slots, and the primitive steps [first, last) that it stands for.
struct WholeStep {
  BoundStep step;
  std::size_t first = 0, last = 0;
};

struct BoundProgram {
  std::vector<DeclaredStep> declared;
  /// of every slot
  std::vector<Shape> shapes;
  /// by name: inputs, values, weights (weight_slot())
  std::map<std::string, int> slots;
  std::vector<BoundStep> steps;
  /// the same program; for backends that have kernels for fused steps
  std::vector<WholeStep> whole;
};

}  // namespace tenon
