// Where value operations work: the plan's recipes, and, while a plan is being proven, what was made of what.
//
// A proof knows positions, not numbers. So while it runs, what a value operation makes is a tensor of its
// own, as if it were a source: layout operations move its elements, and the inverse operation recognises it
// by finding every element at its place. Then it gives back what the operation took.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "rules/operations/layout_operation.h"
#include "tensor/view.h"
#include "values/recipe_book.h"

namespace tenon {

class ValueStep;

using ViewsByRole = std::map<std::string, View>;

/// What one operation made of one weight.
struct Derivation {
  std::shared_ptr<const ValueStep> step;
  ViewsByRole inputs;
  // each the whole of a tensor that only the proof knows
  ViewsByRole outputs;
  // has its inverse taken it back?
  bool undone = false;
};

struct ValueScope {
  RecipeBook recipes;
  // the bytes of a source tensor that says what shape others have
  std::function<std::vector<std::byte>(std::uint32_t source)> contents;
  // does the conversion go back by a manifest?
  bool returns = false;
  // is a plan being proven?
  bool proves = false;
  // the next number of a tensor that only the proof knows
  std::uint32_t next = 0;
  std::vector<Derivation> derivations;
  // by such a number: the derivation that made it
  std::unordered_map<std::uint32_t, std::size_t> made_by;
};

}  // namespace tenon
