// The recipes of a plan, each once, by number.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "values/recipe.h"

namespace tenon {

/// Numbers count from 1: recipe 0 of a piece is the copy.
class RecipeBook {
 public:
  std::uint32_t number_of(const Recipe& recipe);
  const Recipe& at(std::uint32_t number) const { return recipes_.at(number - 1); }
  const std::vector<Recipe>& all() const { return recipes_; }

 private:
  std::vector<Recipe> recipes_;
  // two recipes that differ print differently
  std::unordered_map<std::string, std::uint32_t> by_text_;
};

}  // namespace tenon
