#include "engine/computed_piece.h"

#include <algorithm>
#include <stdexcept>

namespace tenon {
namespace {

// Walks down the loops of a piece, as transfer.cc's does for copies.
struct ComputedClipper {
  const ComputedPiece& piece;
  std::uint64_t begin;
  std::uint64_t end;
  const std::function<void(const ComputedPiece&)>& use;
  ComputedPiece part = {};
  std::vector<std::int64_t> at = {};  // steps of the loops that are fixed

  std::uint64_t span(std::size_t depth) const {
    std::uint64_t bytes = piece.element_bytes;
    for (std::size_t i = depth; i < piece.extents.size(); ++i)
      bytes += (static_cast<std::uint64_t>(piece.extents[i]) - 1) * piece.target_strides[i];
    return bytes;
  }

  void emit(std::size_t depth, std::uint64_t target, std::int64_t first, std::int64_t count) {
    part = piece;
    part.target_offset = target;
    for (ComputedOperand& operand : part.operands) {
      for (std::size_t i = 0; i < depth; ++i) operand.offset += at[i] * operand.strides[i];
      if (depth < piece.extents.size()) operand.offset += first * operand.strides[depth];
    }
    if (depth < piece.extents.size()) part.extents[depth] = count;
    const std::size_t gone = depth < piece.extents.size() && count == 1 ? depth + 1 : depth;
    const auto cut = [&](auto& list) {
      list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(gone));
    };
    cut(part.extents);
    cut(part.target_strides);
    for (ComputedOperand& operand : part.operands) cut(operand.strides);
    use(part);
  }

  void visit(std::size_t depth, std::uint64_t target) {
    if (target >= end || target + span(depth) <= begin) return;
    if (depth == piece.extents.size()) return emit(depth, target, 0, 1);
    const std::uint64_t step = piece.target_strides[depth];
    const auto extent = static_cast<std::uint64_t>(piece.extents[depth]);
    const std::uint64_t rest = span(depth + 1);
    const auto descend = [&](std::uint64_t from, std::uint64_t to) {
      for (std::uint64_t i = from; i < to; ++i) {
        at.push_back(static_cast<std::int64_t>(i));
        visit(depth + 1, target + i * step);
        at.pop_back();
      }
    };
    const std::uint64_t first = begin >= target + rest ? (begin - target - rest) / step + 1 : 0;
    const std::uint64_t last = std::min(extent, (end - target - 1) / step + 1);
    const std::uint64_t inner_first = begin > target ? (begin - target + step - 1) / step : 0;
    const std::uint64_t inner_last =
        end >= target + rest ? std::min(extent, (end - target - rest) / step + 1) : 0;
    if (inner_first >= inner_last) return descend(first, last);
    descend(first, inner_first);
    emit(depth, target + inner_first * step, static_cast<std::int64_t>(inner_first),
         static_cast<std::int64_t>(inner_last - inner_first));
    descend(inner_last, last);
  }
};

}  // namespace

ComputedPiece lower_computed(const Piece& piece, const PlannedTensor& output, const Recipe& recipe,
                             const std::vector<Region>& sources) {
  const auto leaves = [&] {
    throw std::logic_error("a computed piece of the plan leaves its tensors: " + output.key);
  };
  ComputedPiece out;
  out.recipe = piece.recipe;
  out.element_bytes = recipe.result.element_bits / 8U;
  if (out.element_bytes * 8 != static_cast<std::uint64_t>(bits_of(output.view.dtype)))
    throw std::logic_error("a recipe makes elements of another size: " + output.key);
  out.target_offset = static_cast<std::uint64_t>(piece.output_offset) * out.element_bytes;
  if (!recipe.inputs.empty()) out.operands.push_back({piece.source, piece.source_offset, {}});
  for (const Operand& operand : piece.more)
    out.operands.push_back({operand.source, operand.offset, operand.strides});
  for (const Loop& loop : piece.loops) {
    out.extents.push_back(loop.extent);
    out.target_strides.push_back(static_cast<std::uint64_t>(loop.output_stride) * out.element_bytes);
    if (!recipe.inputs.empty()) out.operands.front().strides.push_back(loop.source_stride);
  }
  if (out.operands.size() != recipe.inputs.size() || end_of(out) > output.bytes) leaves();
  for (std::size_t k = 0; k < out.operands.size(); ++k) {
    if (out.operands[k].source >= sources.size()) leaves();
    const ByteSpan span = span_read(out, k, recipe);
    if (span.begin + span.size > sources[out.operands[k].source].bytes) leaves();
  }
  return out;
}

std::uint64_t element_count(const ComputedPiece& piece) {
  std::uint64_t count = 1;
  for (const std::int64_t extent : piece.extents) count *= static_cast<std::uint64_t>(extent);
  return count;
}

std::uint64_t end_of(const ComputedPiece& piece) {
  std::uint64_t end = piece.target_offset + piece.element_bytes;
  for (std::size_t i = 0; i < piece.extents.size(); ++i)
    end += (static_cast<std::uint64_t>(piece.extents[i]) - 1) * piece.target_strides[i];
  return end;
}

void clip(const ComputedPiece& piece, std::uint64_t begin, std::uint64_t end,
          const std::function<void(const ComputedPiece&)>& use) {
  ComputedClipper{piece, begin, end, use}.visit(0, piece.target_offset);
}

ByteSpan span_read(const ComputedPiece& piece, std::size_t operand, const Recipe& recipe) {
  const Input& input = recipe.inputs[operand];
  std::int64_t low = piece.operands[operand].offset;
  std::int64_t high = low + input.coding.bits;
  const auto reach = [&](std::int64_t extent, std::int64_t stride) {
    (stride < 0 ? low : high) += (extent - 1) * stride;
  };
  for (std::size_t i = 0; i < piece.extents.size(); ++i)
    reach(piece.extents[i], piece.operands[operand].strides[i]);
  for (const FoldLoop& loop : input.block) reach(loop.extent, loop.stride);
  if (!input.by_field.empty()) {
    low += std::min<std::int64_t>(0, *std::min_element(input.by_field.begin(), input.by_field.end()));
    high += std::max<std::int64_t>(0, *std::max_element(input.by_field.begin(), input.by_field.end()));
  }
  if (low < 0) throw std::logic_error("an operand begins before its tensor");
  const auto begin = static_cast<std::uint64_t>(low) / 8;
  return {begin, (static_cast<std::uint64_t>(high) + 7) / 8 - begin};
}

}  // namespace tenon
