// What numbers lost in a conversion that rounds: each is made again from what was written, and compared with
// what it was.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

namespace tenon {

/// The number that came back farthest from what it was.
struct WorstNumber {
  /// in row-major order
  std::uint64_t element = 0;
  double was = 0;
  double is = 0;
};

/// Of one tensor of the source. Numbers that are not finite are left out of sums.
struct Damage {
  /// |x' - x| / |x|: 0, then up to 2^-16, 2^-15 .. 2^0, then more
  static constexpr std::size_t kBins = 19;

  std::string key;
  DType dtype = DType::kBF16;
  Shape shape;
  /// "E4M3": in what its numbers stand now
  std::string coding;
  std::uint64_t elements = 0;
  std::uint64_t differing = 0;
  /// sums over x, over x' and over x' - x
  double squares = 0;
  double squares_back = 0;
  double products = 0;
  double squares_off = 0;
  std::uint64_t not_finite = 0;
  /// beyond the largest code, by more than rounding
  std::uint64_t saturated = 0;
  /// not zero, and zero now
  std::uint64_t underflowed = 0;
  /// blocks that share a scale; 0: numbers have none
  std::uint64_t blocks = 0;
  /// of them: all zeros now
  std::uint64_t zero_blocks = 0;
  /// of them: that were not
  std::uint64_t lost_blocks = 0;
  std::optional<WorstNumber> worst;
  std::array<std::uint64_t, kBins> bins = {};

  /// ||x' - x|| / ||x||
  double relative_error() const;
  /// decibels; infinite where nothing was lost
  double signal_to_noise() const;
  double cosine() const;
  /// Takes in another tensor's numbers; names and the worst one stay.
  void add(const Damage& other);
};

/// Of every tensor that `back`, a plan from `converted` to the layout of `source`, computes there; in the
/// order of the plan. What is no float of at most 32 bits, or not in `source`, is left out. Throws as
/// execute().
std::vector<Damage> measure_damage(const Plan& back, const Checkpoint& converted, const Checkpoint& source,
                                   const EngineOptions& options, Observer& observer = nobody());

}  // namespace tenon
