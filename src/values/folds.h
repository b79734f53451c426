// The folds of a recipe's inputs: the largest, least or most number of a block. A block's elements all ask
// for the same, so those of large blocks are remembered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "values/nest.h"

namespace tenon {

/// Of one recipe; a thread has its own.
class Folds {
 public:
  explicit Folds(const Recipe& recipe);

  /// The fold of the block of input `index` that begins at bit `origin`; nothing where the input refuses a
  /// number of it, which is in `refused` then. 0 of a block without elements. Allocates nothing.
  std::optional<float> fold(std::size_t index, const NestOperand& operand, std::int64_t origin,
                            float& refused);

 private:
  struct Kept {
    const std::byte* bytes = nullptr;
    std::int64_t place = -1;
    float value = 0;
  };
  static constexpr std::size_t kRun = 512;

  std::optional<float> by_codes(const Input& input, const NestOperand& operand, std::int64_t origin) const;
  std::optional<float> by_numbers(const Input& input, const NestOperand& operand, std::int64_t origin,
                                  float& refused);

  const std::vector<Input> inputs_;
  std::vector<std::vector<Kept>> kept_;
  std::array<float, kRun> numbers_{};
};

}  // namespace tenon
