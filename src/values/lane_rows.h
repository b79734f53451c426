// The rows of a block of lanes: runs along a nest's innermost loop, the first and the last of which may be
// cut.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tenon::lanes {

struct Rows {
  /// elements `from`, of the nest, to from + lanes, in rows of `extent`
  Rows(std::uint64_t from, std::size_t lanes, std::int64_t extent)
      : first(from),
        total(lanes),
        inner(static_cast<std::size_t>(extent)),
        head(std::min(lanes, inner - static_cast<std::size_t>(from % inner))) {}

  std::size_t count() const { return 1 + (total - head + inner - 1) / inner; }

  /// The lane at which a row begins.
  std::size_t lane_of(std::size_t row) const { return row == 0 ? 0 : head + (row - 1) * inner; }

  /// The value of each row to all of its lanes.
  void spread(const float* values, float* out) const {
    std::fill_n(out, head, values[0]);
    std::size_t row = 1;
    for (std::size_t lane = head; lane < total; lane += inner)
      std::fill_n(out + lane, std::min(inner, total - lane), values[row++]);
  }

  std::uint64_t first;
  std::size_t total;
  std::size_t inner;
  std::size_t head;
};

}  // namespace tenon::lanes
