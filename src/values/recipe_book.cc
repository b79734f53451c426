#include "values/recipe_book.h"

namespace tenon {

std::uint32_t RecipeBook::number_of(const Recipe& recipe) {
  const auto next = static_cast<std::uint32_t>(recipes_.size() + 1);
  const auto [at, fresh] = by_text_.try_emplace(to_string(recipe), next);
  if (fresh) recipes_.push_back(recipe);
  return at->second;
}

}  // namespace tenon
