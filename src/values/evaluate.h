// The second evaluator of recipes: one element at a time, numbers by arithmetic instead of bits. It is slow
// and plain, shares nothing with the interpreter but the recipe, and is what --verify and the tests believe.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "values/nest.h"

namespace tenon {

/// An element of the output, or what was refused.
struct Evaluated {
  std::uint64_t element = 0;
  std::optional<Refused> refused;
};

/// What one recipe came to before, so that a block's largest number is not looked for again for each of its
/// elements, and equal codes not worked out twice. Of mappings that stay.
class EvaluationMemory {
 public:
  EvaluationMemory() : recent_(kRecent) {}

 private:
  friend class Evaluator;
  static constexpr std::size_t kRecent = 8192;
  static constexpr std::size_t kMostFolds = 1 << 16;
  struct Block {
    std::size_t input;
    const std::byte* bytes;
    std::int64_t place;
    bool operator==(const Block&) const = default;
  };
  struct BlockHash {
    std::size_t operator()(const Block& b) const {
      return (static_cast<std::size_t>(b.place) * 31 + b.input) * 0x9E37'79B9 ^
             reinterpret_cast<std::uintptr_t>(b.bytes);
    }
  };
  struct Recent {
    std::vector<std::uint64_t> codes;
    std::uint64_t result = 0;
  };
  std::unordered_map<Block, double, BlockHash> folds_;
  std::vector<Recent> recent_;
};

/// Element number `index` of the nest, in its order.
Evaluated evaluate(const Recipe& recipe, const Nest& nest, std::uint64_t index,
                   EvaluationMemory* memory = nullptr);

}  // namespace tenon
