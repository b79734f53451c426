#include "plan/dump_pieces.h"

#include <fmt/format.h>

#include <iterator>

namespace tenon {

std::string computed_text(const Piece& piece, const Checkpoint& source) {
  std::string text = fmt::format("  recipe {}", piece.recipe);
  const auto out = std::back_inserter(text);
  const bool reads = piece.source != kNoSource;
  if (reads) fmt::format_to(out, " {} @{}", source.tensors[piece.source].key, piece.source_offset);
  for (const Operand& operand : piece.more)
    fmt::format_to(out, " {} @{}", source.tensors[operand.source].key, operand.offset);
  fmt::format_to(out, " -> +{}", piece.output_offset);
  for (std::size_t i = 0; i < piece.loops.size(); ++i) {
    const Loop& loop = piece.loops[i];
    fmt::format_to(out, " {}x(", loop.extent);
    if (reads) fmt::format_to(out, "{},", loop.source_stride);
    for (const Operand& operand : piece.more) fmt::format_to(out, "{},", operand.strides[i]);
    fmt::format_to(out, "{})", loop.output_stride);
  }
  return text + '\n';
}

std::string condition_text(const Condition& condition, const Checkpoint& source) {
  if (condition.kind == Condition::Kind::kEqual)
    return fmt::format("equal {} {}\n", source.tensors[condition.first].key,
                       source.tensors[condition.second].key);
  if (condition.kind == Condition::Kind::kScale) {
    std::string text = fmt::format("scale {}", source.tensors[condition.first].key);
    if (condition.has_second)
      text += fmt::format(" {} {}", condition.divides ? "/" : "*", source.tensors[condition.second].key);
    return text + fmt::format(" in [{:a}, {:a})\n", condition.least, condition.limit);
  }
  std::string text;
  for (const auto& piece : condition.view.pieces) {
    if (is_zero(piece)) continue;
    text += fmt::format("{} {} +{}", condition.kind == Condition::Kind::kAnything ? "lost" : "zero",
                        source.tensors[piece.source].key, piece.source_offset);
    for (const auto& loop : piece.loops) text += fmt::format(" {}x{}", loop.extent, loop.source_stride);
    text += '\n';
  }
  return text;
}

}  // namespace tenon
