// From a program as declared to one whose every shape and number is known, for one module of one checkpoint.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "modules/program.h"
#include "rules/language/expression.h"

namespace tenon {

/// Shapes of the weights by name below the module: one of a single weight, one an index of a list. Absent
/// optional weights are not in it.
using WeightShapes = std::map<std::string, std::vector<Shape>>;

struct BindRequest {
  const nlohmann::ordered_json& config;
  std::int64_t tokens = 0;
  /// Points into the ModuleConfig of the module.
  ModuleNames names = {};
};

/// The shapes of a module's inputs. `weights` are the original's. Throws UserError at their place.
std::vector<Shape> input_shapes(const ModuleProgram& module, const WeightShapes& weights,
                                const BindRequest& request);

/// Where the integers of an input end, of one that has `below`. Throws UserError at its place.
std::int64_t input_limit(const ModuleInput& input, const WeightShapes& weights, const BindRequest& request);

/// Slots are laid out inputs first, in order. Throws UserError with every step that does not fit, at its
/// place.
BoundProgram bind_program(const Program& program, const std::vector<ModuleInput>& inputs,
                          const std::vector<Shape>& input_shapes, const WeightShapes& weights,
                          const BindRequest& request);

/// The slot's name of a weight; of a list, that of index `i`.
std::string weight_slot(const std::string& name, std::size_t i);

}  // namespace tenon
