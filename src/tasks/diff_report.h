// What a comparison of two checkpoints finds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "tasks/element_statistics.h"
#include "tensor/dtype.h"

namespace tenon {

/// A tensor that the other checkpoint has under another name: dtype, shape and bytes are the same.
struct RenamedTensor {
  std::string a;
  std::string b;
};

/// A tensor that both checkpoints have, alike in dtype and shape, and its first element that differs.
struct ByteDifference {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  /// in row-major order
  std::uint64_t element = 0;
  /// "0x3f80"
  std::string a;
  std::string b;
  /// where they were asked for
  std::optional<ElementStatistics> statistics;
};

/// A tensor whose dtype or shape differs.
struct HeaderDifference {
  std::string key;
  DType dtype_a = DType::kF32;
  DType dtype_b = DType::kF32;
  Shape shape_a;
  Shape shape_b;
};

struct DiffReport {
  std::string a;
  std::string b;
  /// rules and families that took A to B's layout
  std::vector<std::string> through;
  std::uint64_t tensors_in_both = 0;
  std::uint64_t bytes_compared = 0;
  std::vector<RenamedTensor> renamed;
  std::vector<std::string> only_in_a;
  std::vector<std::string> only_in_b;
  std::vector<HeaderDifference> headers;
  std::vector<ByteDifference> bytes;

  bool same() const {
    return renamed.empty() && only_in_a.empty() && only_in_b.empty() && headers.empty() && bytes.empty();
  }
};

/// Compares names, dtypes and shapes; `bytes` is left empty.
DiffReport compare_headers(const Checkpoint& a, const Checkpoint& b);

}  // namespace tenon
