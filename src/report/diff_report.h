// What `tenon diff` shows: tensors that only one checkpoint has, tensors whose dtype, shape or bytes differ.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace tenon {

/// A tensor that both checkpoints have, alike in dtype and shape, and its first element that differs.
struct ByteDifference {
  std::string key;
  DType dtype = DType::kF32;
  Shape shape;
  std::uint64_t element = 0;  // in row-major order
  std::string a;              // "0x3f80"
  std::string b;
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
  std::uint64_t tensors_in_both = 0;
  std::uint64_t bytes_compared = 0;
  std::vector<std::string> only_in_a;
  std::vector<std::string> only_in_b;
  std::vector<HeaderDifference> headers;
  std::vector<ByteDifference> bytes;

  bool same() const { return only_in_a.empty() && only_in_b.empty() && headers.empty() && bytes.empty(); }
};

/// Compares names, dtypes and shapes; `bytes` is left to the engine.
DiffReport compare_headers(const Checkpoint& a, const Checkpoint& b);

std::string diff_text(const DiffReport& report);
nlohmann::ordered_json diff_json(const DiffReport& report);

/// "[3, 17]": the place of an element of a row-major tensor.
std::string index_text(const Shape& shape, std::uint64_t element);

/// "0.5 (0x3f00)": an element's value beside its bytes; the bytes alone where its dtype is not plainly a
/// number.
std::string element_text(DType dtype, const std::string& hex);

}  // namespace tenon
