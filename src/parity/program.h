// Module programs: what an original and a fused module compute, as straight-line programs over a fixed set of
// operations. First as a rule file declares them (Program), then bound to the shapes of one module of one
// checkpoint (BoundProgram), where every value has a slot and every number is known.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "checkpoint/dtype.h"

namespace tenon {

struct ModuleOperation;  // parity/operations.h

/// A weight by its name below the module. "experts.*.up_proj.weight" is a list of weights, by index;
/// "gate_proj.bias?" is used where the checkpoint has it.
struct WeightName {
  std::string name;
  bool optional = false;
  bool list() const { return name.find('*') != std::string::npos; }
  bool operator==(const WeightName&) const = default;
};

struct Step {
  const ModuleOperation* operation = nullptr;
  nlohmann::ordered_json arguments;     // as written, `op` and `out` taken off
  std::map<std::string, Place> places;  // of each argument
  std::vector<std::string> out;
  Place place;
};

struct Program {
  std::vector<Step> steps;
  std::vector<WeightName> weights;  // every weight that the steps name, once
};

/// What a module is given.
struct ModuleInput {
  std::string name;
  nlohmann::ordered_json shape;  // list of extents: numbers, "tokens", "${...}", "gate_proj.weight[1]"
  nlohmann::ordered_json below;  // null: real numbers; else the input holds integers below this extent
  Place place;
};

/// One entry of a rule file's `modules:`.
struct ModuleProgram {
  std::string name;
  std::string at;       // glob of module paths in the fused layout; a leading `**.` also matches nothing
  std::string made_by;  // where set: the operation that must have made one of the fused weights
  std::vector<ModuleInput> inputs;
  Program original;
  Program fused;
  std::vector<std::string> compare;
  std::string rule;  // the rule file's name
  Place place;
};

/// A primitive operation on slots. `operands` maps parameter names to slots of the environment.
struct BoundStep {
  std::string operation;
  std::map<std::string, std::vector<int>> operands;
  nlohmann::ordered_json attributes = nlohmann::ordered_json::object();
  std::vector<int> out;
  bool inside = false;  // of a fused operation: a production kernel may keep the result in FP32
};

/// A step as its rule file has it, with its attributes known: what the mutants of check 5 are made by.
struct DeclaredStep {
  std::string operation;
  nlohmann::ordered_json attributes;
  std::map<std::string, std::string> weights;  // parameter -> weight name
};

/// A step as its rule file has it, on slots, and the primitive steps [first, last) that it stands for.
struct WholeStep {
  BoundStep step;
  std::size_t first = 0, last = 0;
};

struct BoundProgram {
  std::vector<DeclaredStep> declared;
  std::vector<Shape> shapes;         // of every slot
  std::map<std::string, int> slots;  // by name: inputs, values, weights (weight_slot())
  std::vector<BoundStep> steps;
  std::vector<WholeStep> whole;  // the same program; for backends that have kernels for fused steps
};

}  // namespace tenon
