// What a conversion found out that its way back has to know.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace tenon {

struct Facts {
  // fused key -> extents of its parts along the joined dimension
  std::map<std::string, std::vector<std::int64_t>> part_sizes;
  // fused key -> whether a Transpose(check_dims) swapped it
  std::map<std::string, bool> transposed;
  // fused key -> place of an operation in its rule -> the shapes of the tensors that it took; one where all
  // are alike
  std::map<std::string, std::map<std::string, std::vector<Shape>>> shapes;

  // likewise the dtypes that the tensors had which it changed, one for each
  std::map<std::string, std::map<std::string, std::vector<std::string>>> dtypes;

  // original keys without dimensions: not kept by the manifest, whose records of the source say it
  std::set<std::string> scalars;

  // key of the source that was left out -> key of the source whose bytes it has
  std::map<std::string, std::string> twins;

  bool operator==(const Facts&) const = default;
};

}  // namespace tenon
