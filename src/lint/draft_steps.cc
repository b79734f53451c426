#include "lint/draft_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace tenon {
namespace {

std::string dims_text(const std::vector<std::size_t>& dims) {
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

std::string shape_text(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace

Shape permuted_shape(const Shape& shape, const std::vector<std::size_t>& order) {
  Shape out;
  for (const std::size_t i : order) out.push_back(shape[i]);
  return out;
}

std::vector<std::pair<std::string, std::vector<std::size_t>>> draft_swaps(std::size_t rank) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> out;
  for (std::size_t b = rank; b-- > 1;) {
    for (std::size_t a = b; a-- > 0;) {
      std::vector<std::size_t> order(rank);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::swap(order[a], order[b]);
      out.emplace_back(fmt::format("Transpose: {{dim0: {}, dim1: {}}}", a, b), order);
    }
  }
  return out;
}

std::int64_t elements_in(const Shape& shape) {
  return element_count(shape) ? static_cast<std::int64_t>(*element_count(shape)) : -1;
}

std::vector<std::string> draft_steps(const Shape& shape, const Shape& wanted, const DraftHeads& heads) {
  std::vector<std::string> out;
  const std::size_t rank = shape.size();
  if (rank <= 5) {
    for (const auto& [text, order] : draft_swaps(rank)) out.push_back(text);
  }
  if (rank == 3 || rank == 4) {
    std::vector<std::size_t> order(rank);
    std::iota(order.begin(), order.end(), std::size_t{0});
    while (std::next_permutation(order.begin(), order.end())) {
      std::size_t moved = 0;
      for (std::size_t i = 0; i < rank; ++i) moved += order[i] != i ? 1 : 0;
      if (moved > 2) out.push_back(fmt::format("Permute: {{dims: {}}}", dims_text(order)));
    }
  }
  if (rank == 1 || rank == 2) {
    for (const auto& [text, count] : heads) {
      if (shape[0] % (2 * count) != 0) continue;
      out.push_back(fmt::format("PermuteForRope: {{heads: {}}}", text));
      out.push_back(fmt::format("PermuteForRope: {{heads: {}, inverse: true}}", text));
    }
  }
  for (std::size_t dim = 0; dim < rank; ++dim) {
    if (shape[dim] % 2 != 0 || shape[dim] < 4) continue;
    out.push_back(fmt::format("Interleave: {{dim: {}}}", dim));
    out.push_back(fmt::format("Interleave: {{dim: {}, inverse: true}}", dim));
  }
  if (shape != wanted && elements_in(shape) == elements_in(wanted))
    out.push_back(fmt::format("Reshape: {{shape: {}, from: {}}}", shape_text(wanted), shape_text(shape)));
  if (rank == wanted.size()) {
    std::vector<std::size_t> other;
    for (std::size_t i = 0; i < rank; ++i) {
      if (shape[i] != wanted[i]) other.push_back(i);
    }
    // What is cut off is found from the other side, as what was padded with zeros.
    if (other.size() == 1 && shape[other.front()] < wanted[other.front()])
      out.push_back(fmt::format("Pad: {{dim: {}, to: {}, from: {}}}", other.front(), wanted[other.front()],
                                shape[other.front()]));
  }
  return out;
}

}  // namespace tenon
