// From what a value operation says of an output, in terms of its own tensors, to a view of the checkpoint's.
// The operation's tensors may be views themselves: parts of a fused tensor, transposed, stacked.
#pragma once

#include <map>
#include <string>

#include "tensor/view.h"
#include "values/operations/value_operation.h"
#include "values/recipe_book.h"

namespace tenon {

/// Throws ValueError where a code, a word or a block lies in several parts of a view, or a view is computed
/// itself; TooManyPieces.
View view_of_output(const ValueOutput& made, const std::map<std::string, View>& inputs, RecipeBook& recipes);

}  // namespace tenon
