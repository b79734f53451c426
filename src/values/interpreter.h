// The interpreter of recipes that conversions use: a block of elements at a time, every step a loop over
// lanes. What is the same along a row of a block, such as a scale, is computed once a row. The result does
// not depend on the processor: each operation is rounded by itself.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "values/nest.h"

namespace tenon {

/// Evaluates one recipe; a thread has its own. Memory: 8 KiB an input and a step (16 KiB where lanes are
/// wide).
class Interpreter {
 public:
  explicit Interpreter(const Recipe& recipe);
  ~Interpreter();
  Interpreter(Interpreter&&) noexcept;
  Interpreter& operator=(Interpreter&&) noexcept;

  /// Writes the elements of the nest side by side to `out`, in the nest's order. Returns what was refused,
  /// and `out` is not whole then. Allocates nothing and makes no object that needs destruction while it reads
  /// operands, so that a signal handler may jump out of it. Throws std::logic_error where a place leaves its
  /// tensor, before anything is read.
  std::optional<Refused> run(const Nest& nest, std::byte* out);

  /// The bytes of one element of the output.
  std::size_t element_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenon
