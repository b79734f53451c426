// A view of the base's weights seen as a sum of products. A weight is known as left * right only; a layout
// made of it is a product again where each element (i, j) of the weight goes to (rows[i], columns[j]), or to
// (columns[j], rows[i]), for two functions rows and columns. Concatenate, Chunk, Slice, Pad, Transpose,
// permutations of rows and stacks of lists are all so; a Reshape that mixes rows and columns is not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/view.h"

namespace tenon {

/// A tensor as `batches` row-major matrices.
struct Matrices {
  std::int64_t batches = 1;
  std::int64_t rows = 1;
  std::int64_t columns = 1;
};

/// One matrix of a source in one matrix of the view.
struct Link {
  std::uint32_t source = 0;
  std::int64_t source_batch = 0;
  std::int64_t batch = 0;
  // The source's rows are columns of the view.
  bool turned = false;
  // By row of the source: where it goes, the view's row (turned: column), or -1. Likewise by column.
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> columns;
  /// the first element of the view that it fills
  std::int64_t first = 0;
  /// the first element of the source that it reads
  std::int64_t first_source = 0;
};

/// The links of a view, by batch and by the place of their first element: together they fill what the view
/// copies, each element once, and each is the full product of its rows and columns. `sources`: by index.
/// Nothing where the view is no sum of products.
std::optional<std::vector<Link>> factor_view(const View& view, const Matrices& shape,
                                             const std::vector<Matrices>& sources);

/// How many rows (or columns) a link takes.
std::int64_t taken(const std::vector<std::int64_t>& indices);

}  // namespace tenon
