// A piece of a view, element by element: the plain reading of what its loops mean, that tests hold the engine
// and the view algebra to.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/view.h"

namespace tenon {

/// Calls visit(source element, output element) for each element that the piece takes, both as row-major
/// indices.
template <typename Visit>
void for_each_element(const Piece& piece, Visit&& visit) {
  const auto walk = [&](const auto& self, std::size_t depth, std::int64_t source,
                        std::int64_t output) -> void {
    if (depth == piece.loops.size()) {
      visit(source, output);
      return;
    }
    const Loop& loop = piece.loops[depth];
    const bool innermost = depth + 1 == piece.loops.size();
    for (std::int64_t i = 0; i < loop.extent; ++i) {
      const std::int64_t from = source + i * loop.source_stride;
      const std::int64_t to = output + i * loop.output_stride;
      if (innermost) {
        visit(from, to);
      } else {
        self(self, depth + 1, from, to);
      }
    }
  };
  walk(walk, 0, piece.source_offset, piece.output_offset);
}

}  // namespace tenon
