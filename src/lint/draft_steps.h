// Operations on one tensor that a draft tries.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tensor/dtype.h"

namespace tenon {

/// Numbers of heads: as a rule names one ("'${config.num_attention_heads}'"), and what it is.
using DraftHeads = std::vector<std::pair<std::string, std::int64_t>>;

/// Operations, as a rule file has them, that may lead from a shape to another, or to something in between.
std::vector<std::string> draft_steps(const Shape& shape, const Shape& wanted, const DraftHeads& heads);

/// Swaps of two dimensions of `rank`: as operations, and as the order that they leave.
std::vector<std::pair<std::string, std::vector<std::size_t>>> draft_swaps(std::size_t rank);

Shape permuted_shape(const Shape& shape, const std::vector<std::size_t>& order);

/// -1 where they are too many to count.
std::int64_t elements_in(const Shape& shape);

}  // namespace tenon
