// The values that module programs compute with: dense, row-major, in one C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace tenon {

template <typename T>
struct Array {
  Shape shape;
  std::vector<T> data;

  Array() = default;
  explicit Array(Shape s) : shape(std::move(s)), data(count(shape)) {}
  Array(Shape s, std::vector<T> values) : shape(std::move(s)), data(std::move(values)) {}

  std::int64_t rows() const {
    return columns() == 0 ? 0 : static_cast<std::int64_t>(data.size()) / columns();
  }
  std::int64_t columns() const { return shape.empty() ? 1 : shape.back(); }
  std::size_t size() const { return data.size(); }
  T& operator[](std::size_t i) { return data[i]; }
  const T& operator[](std::size_t i) const { return data[i]; }

  static std::size_t count(const Shape& shape) {
    std::size_t n = 1;
    for (const auto extent : shape) n *= static_cast<std::size_t>(extent);
    return n;
  }
};

}  // namespace tenon
