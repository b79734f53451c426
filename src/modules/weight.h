// A weight as operations see it: numbers of the module's format, read where they are needed. A backend keeps
// weights in their own dtype, and of a stack of experts only those that were chosen are ever read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "modules/array.h"

namespace tenon {

class Weight {
 public:
  explicit Weight(Shape shape) : shape_(std::move(shape)) {}
  virtual ~Weight() = default;
  Weight(const Weight&) = delete;
  Weight& operator=(const Weight&) = delete;

  const Shape& shape() const { return shape_; }
  /// Elements [first, first + count), row-major; all of them are there. Any thread.
  virtual void read(std::size_t first, std::size_t count, float* out) const = 0;

 private:
  Shape shape_;
};

/// By slot; nullptr for values, and for weights that were left out.
using SlotWeights = std::vector<const Weight*>;

/// A weight that is an array already. The array outlives it; without data it only has a shape.
class ArrayWeight : public Weight {
 public:
  explicit ArrayWeight(const Array<float>& numbers) : Weight(numbers.shape), numbers_(numbers) {}
  void read(std::size_t first, std::size_t count, float* out) const override {
    std::copy_n(numbers_.data.data() + first, count, out);
  }

 private:
  const Array<float>& numbers_;
};

/// All of a weight, for those that are small; empty for nullptr.
inline std::vector<float> numbers_of(const Weight* weight) {
  if (weight == nullptr) return {};
  std::vector<float> out(Array<float>::count(weight->shape()));
  weight->read(0, out.size(), out.data());
  return out;
}

}  // namespace tenon
