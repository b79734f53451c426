// The weights of one module in memory, as bytes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkpoint/dtype.h"
#include "parity/array.h"
#include "parity/bind_program.h"
#include "parity/number_format.h"
#include "parity/weights.h"

namespace tenon {

struct ModuleTensor {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  Bytes bytes;
};

/// By name below the module: one of a single weight, one an index of a list.
using ModuleWeights = std::map<std::string, std::vector<ModuleTensor>>;

WeightShapes shapes_of(const ModuleWeights& weights);

/// The weights as numbers of the format, by slot name. Weights of a dtype that decode() does not read are a
/// UserError that names the key.
std::map<std::string, Array<float>> numbers_of(const ModuleWeights& weights, const NumberFormat& format);

}  // namespace tenon
