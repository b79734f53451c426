// The weights of one module in memory, as bytes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "modules/array.h"
#include "modules/bind_program.h"
#include "modules/buffer.h"
#include "modules/number_format.h"
#include "tensor/dtype.h"

namespace tenon {

struct ModuleTensor {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  std::shared_ptr<const Bytes> bytes;
};

/// By name below the module: one of a single weight, one an index of a list.
using ModuleWeights = std::map<std::string, std::vector<ModuleTensor>>;

WeightShapes shapes_of(const ModuleWeights& weights);

/// The slot's name of every tensor, in order.
std::map<std::string, const ModuleTensor*> by_slot(const ModuleWeights& weights);

/// A UserError that names the tensor: parity does not run on its dtype.
[[noreturn]] void refuse_dtype(const ModuleTensor& tensor);

}  // namespace tenon
