#include "engine/computed.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "engine/copy_loops.h"

namespace tenon {
namespace {

// Interpreters that a thread keeps: each has some lanes of 16 KiB.
constexpr std::size_t kMostInterpreters = 16;
// Elements are put in their places by way of a buffer of this size.
constexpr std::uint64_t kScratch = 2 << 20;

bool is_dense(const ComputedPiece& piece) {
  std::uint64_t run = piece.element_bytes;
  for (std::size_t i = piece.extents.size(); i-- > 0;) {
    if (piece.target_strides[i] != run) return false;
    run *= static_cast<std::uint64_t>(piece.extents[i]);
  }
  return true;
}

// Does the first operand stand in the order of the target?
bool follows_source(const ComputedPiece& piece) {
  if (piece.operands.empty()) return true;
  const auto& strides = piece.operands.front().strides;
  return std::is_sorted(strides.begin(), strides.end(), std::greater<>());
}

// The loops in the order in which the first operand stands: its lines are used whole.
ComputedPiece in_source_order(const ComputedPiece& piece) {
  if (piece.operands.empty()) return piece;
  std::vector<std::size_t> order(piece.extents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return piece.operands.front().strides[a] > piece.operands.front().strides[b];
  });
  ComputedPiece out = piece;
  for (std::size_t i = 0; i < order.size(); ++i) {
    out.extents[i] = piece.extents[order[i]];
    out.target_strides[i] = piece.target_strides[order[i]];
    for (std::size_t k = 0; k < out.operands.size(); ++k)
      out.operands[k].strides[i] = piece.operands[k].strides[order[i]];
  }
  return out;
}

// Elements that stand side by side in the order of the nest, to their places.
Box scatter_box(const ComputedPiece& piece) {
  Box box{0, 0, piece.element_bytes, {}};
  std::uint64_t from = piece.element_bytes;
  for (std::size_t i = piece.extents.size(); i-- > 0;) {
    const auto extent = static_cast<std::uint64_t>(piece.extents[i]);
    box.loops.push_back({extent, from, piece.target_strides[i]});
    from *= extent;
  }
  std::stable_sort(box.loops.begin(), box.loops.end(),
                   [](const ByteLoop& a, const ByteLoop& b) { return a.target_stride > b.target_stride; });
  while (!box.loops.empty() && box.loops.back().source_stride == box.run &&
         box.loops.back().target_stride == box.run) {
    box.run *= box.loops.back().extent;
    box.loops.pop_back();
  }
  return box;
}

}  // namespace

std::pair<std::size_t, std::size_t> computed_within(const Target& target, std::uint64_t begin,
                                                    std::uint64_t end) {
  const auto& reach = target.computed_reach;
  const auto first = std::upper_bound(reach.begin(), reach.end(), begin) - reach.begin();
  const auto last = std::lower_bound(
      target.computed.begin() + first, target.computed.end(), end,
      [](const ComputedPiece& piece, std::uint64_t offset) { return piece.target_offset < offset; });
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(last - target.computed.begin())};
}

bool is_scattered(const Target& target, std::uint64_t offset) {
  const auto [first, last] = computed_within(target, offset, offset + 1);
  return std::any_of(target.computed.begin() + static_cast<std::ptrdiff_t>(first),
                     target.computed.begin() + static_cast<std::ptrdiff_t>(last),
                     [](const ComputedPiece& piece) { return !follows_source(piece); });
}

Nest nest_of(const ComputedPiece& piece, const std::vector<Region>& sources, SourceFiles& files) {
  Nest nest{piece.extents, {}};
  for (const ComputedOperand& operand : piece.operands) {
    const Region& region = sources[operand.source];
    nest.operands.push_back(
        {files.bytes(region.file).data() + region.offset, region.bytes, operand.offset, operand.strides});
  }
  return nest;
}

RefusedValue located(const Refused& refused, const ComputedPiece& piece, const Recipe& recipe) {
  RefusedValue out{refused, piece.target_offset, kNoSource, 0, false};
  std::vector<std::int64_t> at(piece.extents.size());
  std::uint64_t rest = refused.element;
  for (std::size_t i = piece.extents.size(); i-- > 0;) {
    at[i] = static_cast<std::int64_t>(rest % static_cast<std::uint64_t>(piece.extents[i]));
    rest /= static_cast<std::uint64_t>(piece.extents[i]);
    out.target_offset += static_cast<std::uint64_t>(at[i]) * piece.target_strides[i];
  }
  if (refused.input < 0) return out;
  const ComputedOperand& operand = piece.operands[static_cast<std::size_t>(refused.input)];
  out.in_block = recipe.inputs[static_cast<std::size_t>(refused.input)].fold != Fold::kElement;
  out.source = operand.source;
  out.source_bit = operand.offset;
  for (std::size_t i = 0; i < at.size(); ++i) out.source_bit += at[i] * operand.strides[i];
  return out;
}

namespace {

const ErrorId& id_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kScale:
      return "value-scale"_id;
    case Refusal::kNonfinite:
      return "value-nonfinite"_id;
    case Refusal::kRange:
      return "value-range"_id;
    case Refusal::kInexact:
      return "value-inexact"_id;
    case Refusal::kAmbiguous:
      return "value-ambiguous"_id;
  }
  return "value-range"_id;
}

const char* what_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kScale:
      return "a scale is finite and above zero";
    case Refusal::kNonfinite:
      return "only finite numbers are quantised";
    case Refusal::kRange:
      return "the new dtype does not hold it";
    case Refusal::kInexact:
      return "the new dtype does not hold it exactly";
    case Refusal::kAmbiguous:
      return "a zero point of all ones is 0 for some readers and 2^b for others";
  }
  return "";
}

const char* remedy_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kScale:
      return "The checkpoint is damaged, or this is no scale: fetch the file again.";
    case Refusal::kNonfinite:
      return "The checkpoint is damaged: fetch the file again.";
    case Refusal::kRange:
      return "Take a wider dtype, or `overflow: torch` for what torch makes of it.";
    case Refusal::kInexact:
      return "Keep the dtype, or take `exact: true` out of the rule.";
    case Refusal::kAmbiguous:
      return "Say `format: gptq_v2` if zero points are stored as they are.";
  }
  return "";
}

std::string coordinates(std::uint64_t element, const Shape& shape) {
  Shape at(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    const auto extent = static_cast<std::uint64_t>(std::max<std::int64_t>(shape[i], 1));
    at[i] = static_cast<std::int64_t>(element % extent);
    element /= extent;
  }
  return to_string(at);
}

}  // namespace

UserError refused_value(const RefusedValue& value, const PlannedTensor& output, const Checkpoint& source) {
  const auto element = value.target_offset * 8 / static_cast<std::uint64_t>(bits_of(output.view.dtype));
  const std::string to = fmt::format("element {} of {} {}", coordinates(element, output.view.shape),
                                     output.key, header_of(output.view.dtype, output.view.shape));
  if (value.source == kNoSource) {
    return UserError(
        id_of(value.refused.refusal), {source.directory.string(), 0, 0, {}, output.key, ""},
        fmt::format("{} would be {}: {}", to, value.refused.value, what_of(value.refused.refusal)),
        remedy_of(value.refused.refusal));
  }
  const Tensor& tensor = source.tensors[value.source];
  const auto at =
      static_cast<std::uint64_t>(value.source_bit) / static_cast<std::uint64_t>(bits_of(tensor.dtype));
  return UserError(
      id_of(value.refused.refusal), {source.shards[tensor.shard].path.string(), 0, 0, {}, tensor.key, ""},
      fmt::format("{} {} of {} is {}: {} (for {})", value.in_block ? "a number of the block from" : "element",
                  coordinates(at, tensor.shape), header_of(tensor.dtype, tensor.shape), value.refused.value,
                  what_of(value.refused.refusal), to),
      remedy_of(value.refused.refusal));
}

void guard(const ComputedPiece& piece, const std::vector<Region>& sources, SourceFiles& files,
           const std::function<void()>& read) {
  if (survives_sigbus([&] { read(); })) return;
  for (const ComputedOperand& operand : piece.operands) files.require_unchanged(sources[operand.source].file);
  files.throw_lost_page(sources[piece.operands.front().source].file);
}

Interpreter& Computer::interpreter(std::uint32_t recipe) {
  const auto found = interpreters_.find(recipe);
  if (found != interpreters_.end()) return found->second;
  if (interpreters_.size() >= kMostInterpreters) interpreters_.clear();
  return interpreters_.emplace(recipe, Interpreter(recipes_[recipe - 1])).first->second;
}

void Computer::compute(const Target& target, std::uint64_t begin, std::span<std::byte> out) {
  const std::uint64_t end = begin + out.size();
  const auto [first, last] = computed_within(target, begin, end);
  for (std::size_t i = first; i < last; ++i) {
    clip(target.computed[i], begin, end,
         [&](const ComputedPiece& part) { compute(part, out.data() + (part.target_offset - begin)); });
  }
}

void Computer::compute(const ComputedPiece& part, std::byte* out) {
  const std::uint64_t bytes = element_count(part) * part.element_bytes;
  const bool direct = is_dense(part) && follows_source(part);
  if (!direct && bytes > kScratch && !part.extents.empty()) {
    // In two halves along the outermost loop that has any.
    const std::size_t loop = static_cast<std::size_t>(
        std::find_if(part.extents.begin(), part.extents.end(), [](std::int64_t e) { return e > 1; }) -
        part.extents.begin());
    ComputedPiece half = part;
    half.extents[loop] = part.extents[loop] / 2;
    compute(half, out);
    for (ComputedOperand& operand : half.operands)
      operand.offset += half.extents[loop] * operand.strides[loop];
    const std::uint64_t moved = static_cast<std::uint64_t>(half.extents[loop]) * part.target_strides[loop];
    half.target_offset += moved;
    half.extents[loop] = part.extents[loop] - half.extents[loop];
    return compute(half, out + moved);
  }
  const ComputedPiece ordered = direct ? part : in_source_order(part);
  const Nest nest = nest_of(ordered, sources_, files_);
  Interpreter& with = interpreter(part.recipe);
  if (!direct) scratch_.resize(std::max(scratch_.size(), bytes));
  std::byte* const to = direct ? out : scratch_.data();
  std::optional<Refused> refused;
  guard(ordered, sources_, files_, [&] { refused = with.run(nest, to); });
  if (refused) throw located(*refused, ordered, recipes_[part.recipe - 1]);
  if (!direct) copy_box(scatter_box(ordered), scratch_.data(), out);
}

}  // namespace tenon
