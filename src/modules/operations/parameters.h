// Parameters that several operations have, so that each is written once.
#pragma once

#include <initializer_list>
#include <vector>

#include "modules/operation.h"

namespace tenon {

using Parameters = std::vector<Parameter>;

/// Lists of parameters, one behind the other.
Parameters joined(std::initializer_list<Parameters> lists);

/// Of a product: x, weight and, where there is one, a bias. `multiplied` as in Parameter.
Parameters product_parameters(bool multiplied);
/// Of a gated unit: its activation and, where it has them, its clamps and constants (GatedUnit).
Parameters unit_parameters();
/// Of a gated MLP on weights of its own: gate and up as one weight, as two where `apart` allows it, and down.
Parameters gated_mlp_parameters(bool apart);
/// What routed experts are given: x, and each token's experts with their weights; how many, behind those that
/// have weights, hand x on.
Parameters routed_parameters();

}  // namespace tenon
