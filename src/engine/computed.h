// What recipes fill of a target, evaluated out of the mapped sources.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "engine/computed_piece.h"
#include "engine/source_files.h"
#include "engine/transfer.h"
#include "values/interpreter.h"

namespace tenon {

/// The computed pieces of a target that may fill bytes begin..end, as [first, last).
std::pair<std::size_t, std::size_t> computed_within(const Target& target, std::uint64_t begin,
                                                    std::uint64_t end);

/// Is a target's byte computed out of a source whose elements stand in another order, so that larger chunks
/// use its lines better?
bool is_scattered(const Target& target, std::uint64_t offset);

/// The nest of a piece over mapped sources.
Nest nest_of(const ComputedPiece& piece, const std::vector<Region>& sources, SourceFiles& files);

/// A number that a recipe refuses, thrown while bytes pass.
struct RefusedValue {
  Refused refused;
  /// bytes, of the element
  std::uint64_t target_offset = 0;
  /// whose number it is; kNoSource: the result
  std::uint32_t source = kNoSource;
  std::int64_t source_bit = 0;
  // is it somewhere in the block that begins there?
  bool in_block = false;
};

/// Where an element of a nest stands in the target, and what was refused there.
RefusedValue located(const Refused& refused, const ComputedPiece& piece, const Recipe& recipe);

/// The error that a user sees.
UserError refused_value(const RefusedValue& value, const PlannedTensor& output, const Checkpoint& source);

/// Computes pieces; a thread has its own.
class Computer {
 public:
  Computer(const std::vector<Recipe>& recipes, const std::vector<Region>& sources, SourceFiles& files)
      : recipes_(recipes), sources_(sources), files_(files) {}

  /// Fills what the target's computed pieces fill of bytes begin..., which `out` holds. Throws RefusedValue,
  /// and as SourceFiles does.
  void compute(const Target& target, std::uint64_t begin, std::span<std::byte> out);

 private:
  void compute(const ComputedPiece& part, std::byte* out);
  Interpreter& interpreter(std::uint32_t recipe);

  const std::vector<Recipe>& recipes_;
  const std::vector<Region>& sources_;
  SourceFiles& files_;
  std::map<std::uint32_t, Interpreter> interpreters_;
  std::vector<std::byte> scratch_;
};

/// Runs `read`, which reads the sources of a piece and owns nothing where it does.
void guard(const ComputedPiece& piece, const std::vector<Region>& sources, SourceFiles& files,
           const std::function<void()>& read);

}  // namespace tenon
