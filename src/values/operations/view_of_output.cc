// An operation reads its tensor at bits that are affine in the loops of a piece: bit = offset + sum(i *
// stride). Where the tensor is a view, that bit stands elsewhere, and affine only as long as no loop runs
// over the end of one of the view's own loops. So the piece is cut until none does.
//
// A view's piece with loops of strides b1 > b2 > ... > 1 and extents e1, e2, ... writes a bit as digits,
// offset + d1*b1 + d2*b2 + ..., each below its extent. A stride is written so too. If the digits of the first
// bit and those of all strides, times the steps, add up without a carry, then the place in the source is the
// same sum with the source's strides. The same is asked of the fields of a word and of the loops over a
// block, which belong to every element and cannot be cut.
#include "values/operations/view_of_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tensor/split_piece.h"
#include "tensor/view_operations.h"
#include "values/operations/request.h"

namespace tenon {
namespace {

using Digits = std::vector<std::int64_t>;

// One operand on its way from bits of a role's tensor to bits of a source.
struct Walk {
  Piece piece;  // output offset and strides are the output's; operands' bits in `more`, all of them
  std::vector<Input> inputs;
};

// A copying piece of a view, in bits.
Piece in_bits(const Piece& piece, std::int64_t bits) {
  Piece out = piece;
  out.source_offset *= bits;
  out.output_offset *= bits;
  for (Loop& loop : out.loops) {
    loop.source_stride *= bits;
    loop.output_stride *= bits;
  }
  out.loops.push_back({bits, 1, 1});
  View view{DType::kU8, {}, {std::move(out)}};
  normalise(view);
  return std::move(view.pieces.front());
}

std::optional<Digits> digits_of(std::int64_t value, const Piece& part, bool bounded) {
  if (value < 0) return std::nullopt;
  Digits out;
  for (const Loop& loop : part.loops) {
    out.push_back(value / loop.output_stride);
    value %= loop.output_stride;
    if (bounded && out.back() >= loop.extent) return std::nullopt;
  }
  return value == 0 ? std::optional(std::move(out)) : std::nullopt;
}

std::int64_t source_of(const Digits& digits, const Piece& part) {
  std::int64_t out = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) out += digits[i] * part.loops[i].source_stride;
  return out;
}

// Resolves operand `k` of walks by a view.
class Resolver {
 public:
  Resolver(std::size_t k, const std::string& role, const View& view, std::vector<Walk>& out)
      : k_(k), role_(role), out_(out) {
    for (const Piece& piece : view.pieces) {
      if (is_computed(piece))
        refuse("parameter", role,
               "it reads what another operation computes, and a converter computes once: one operation of a "
               "converter changes values");
      if (is_zero(piece)) refuse("shape", role, "padding takes no part in it");
      parts_.push_back(in_bits(piece, bits_of(view.dtype)));
    }
  }

  void resolve(Walk walk) {
    if (out_.size() >= kMaxPieces) throw TooManyPieces{};
    const Operand& operand = walk.piece.more[k_];
    const std::int64_t begin = operand.offset + first_shift(walk.inputs[k_]);
    const Piece* part = nullptr;
    std::optional<Digits> start;
    for (const Piece& candidate : parts_) {
      start = digits_of(begin - candidate.output_offset, candidate, true);
      if (!start) continue;
      part = &candidate;
      break;
    }
    if (part == nullptr) refuse("shape", role_, "a code stands in no part of this tensor");
    if (const auto carry = find_carry(walk, *part, *start)) {
      split(std::move(walk), *part, *carry);
      return;
    }
    move_to_source(walk, *part, *start);
    out_.push_back(std::move(walk));
  }

 private:
  // The first digit that the steps of loops, the block and the code's width add up to more than there is.
  struct Carry {
    std::size_t digit = 0;
    Digits loops;           // what each loop adds to it in one step
    std::int64_t left = 0;  // what the loops may add
  };

  static std::int64_t first_shift(const Input& input) {
    return input.by_field.empty() ? 0 : input.by_field.front();
  }

  std::optional<Carry> find_carry(const Walk& walk, const Piece& part, const Digits& start) const {
    const Operand& operand = walk.piece.more[k_];
    const Input& input = walk.inputs[k_];
    std::vector<Digits> steps;
    for (const std::int64_t stride : operand.strides) steps.push_back(*digits_of(stride, part, false));
    Digits fixed = start;
    for (const FoldLoop& loop : input.block) {
      const Digits step = *digits_of(loop.stride, part, false);
      for (std::size_t d = 0; d < fixed.size(); ++d) fixed[d] += (loop.extent - 1) * step[d];
    }
    fixed.back() += input.coding.bits - 1;
    for (std::size_t d = 0; d < fixed.size(); ++d) {
      std::int64_t all = fixed[d];
      Carry carry{d, {}, part.loops[d].extent - 1 - fixed[d]};
      for (std::size_t i = 0; i < steps.size(); ++i) {
        carry.loops.push_back(steps[i][d]);
        all += (walk.piece.loops[i].extent - 1) * steps[i][d];
      }
      if (all >= part.loops[d].extent) return carry;
    }
    // Every field of a word has to move with the first.
    for (const std::int64_t shift : input.by_field) {
      const auto field = digits_of(operand.offset + shift - part.output_offset, part, true);
      if (!field) return field_carry(walk, steps);
      for (std::size_t d = 0; d < fixed.size(); ++d) {
        std::int64_t all = (*field)[d] + fixed[d] - start[d];
        for (std::size_t i = 0; i < steps.size(); ++i) all += (walk.piece.loops[i].extent - 1) * steps[i][d];
        if (all < part.loops[d].extent) continue;
        Carry carry{d, {}, part.loops[d].extent - 1 - ((*field)[d] + fixed[d] - start[d])};
        for (const Digits& step : steps) carry.loops.push_back(step[d]);
        return carry;
      }
    }
    return std::nullopt;
  }

  // The fields of the first element lie in other parts.
  Carry field_carry(const Walk& walk, const std::vector<Digits>& steps) const {
    Carry carry{0, {}, -1};
    for (const Digits& step : steps) carry.loops.push_back(step.front());
    if (walk.piece.loops.empty()) return carry;
    return carry;
  }

  void split(Walk walk, const Piece& part, const Carry& carry) {
    if (carry.left < 0) return split_block(std::move(walk), part, carry);
    const Loop& digit = part.loops[carry.digit];
    if (split_evenly(walk, part, digit.extent * digit.output_stride)) return;
    // The loop that adds most goes on alone where it would carry.
    std::size_t widest = 0;
    for (std::size_t i = 0; i < carry.loops.size(); ++i) {
      const auto reach = [&](std::size_t n) { return (walk.piece.loops[n].extent - 1) * carry.loops[n]; };
      if (reach(i) > reach(widest)) widest = i;
    }
    std::int64_t others = 0;
    for (std::size_t i = 0; i < carry.loops.size(); ++i) {
      if (i != widest) others += (walk.piece.loops[i].extent - 1) * carry.loops[i];
    }
    const std::int64_t room = carry.left - others;
    const std::int64_t count = room < 0 ? 1 : room / carry.loops[widest] + 1;
    Walk head = walk;
    head.piece.loops[widest].extent = count;
    if (count == 1) erase_loop(head.piece, widest);
    Walk tail = std::move(walk);
    advance(tail.piece, widest, count);
    tail.piece.loops[widest].extent -= count;
    if (tail.piece.loops[widest].extent == 1) erase_loop(tail.piece, widest);
    resolve(std::move(head));
    resolve(std::move(tail));
  }

  // Loops of a block may run over a border of the view as a whole number of runs.
  void split_block(Walk walk, const Piece& part, const Carry& carry) {
    Input& input = walk.inputs[k_];
    const Loop& digit = part.loops[carry.digit];
    const std::int64_t border = digit.extent * digit.output_stride;
    for (std::size_t i = 0; i < input.block.size(); ++i) {
      const FoldLoop loop = input.block[i];
      if (loop.stride == 0 || loop.stride < digit.output_stride || border % loop.stride != 0) continue;
      const std::int64_t inner = border / loop.stride;
      if (inner <= 1 || inner >= loop.extent || loop.extent % inner != 0) continue;
      input.block[i] = {loop.extent / inner, border};
      input.block.insert(input.block.begin() + static_cast<std::ptrdiff_t>(i) + 1, {inner, loop.stride});
      return resolve(std::move(walk));
    }
    refuse("shape", role_,
           input.block.empty()
               ? "a code, or what is packed into one word, lies in several parts of this tensor"
               : "a block that shares a scale lies in several parts of this tensor");
  }

  bool split_evenly(const Walk& walk, const Piece& part, std::int64_t border) {
    Piece turned = walk.piece;
    const Operand operand = turned.more[k_];
    turned.output_offset = operand.offset + first_shift(walk.inputs[k_]) - part.output_offset;
    const std::int64_t moved = operand.offset - turned.output_offset;
    turned.source_offset = walk.piece.output_offset;
    for (std::size_t i = 0; i < turned.loops.size(); ++i) {
      turned.loops[i].source_stride = walk.piece.loops[i].output_stride;
      turned.loops[i].output_stride = operand.strides[i];
    }
    std::vector<Piece> pieces;
    split_at(turned, border, pieces);
    if (pieces.size() == 1 && pieces.front().loops.size() == turned.loops.size()) return false;
    for (Piece& piece : pieces) {
      Walk next{piece, walk.inputs};
      next.piece.output_offset = piece.source_offset;
      next.piece.source_offset = 0;
      for (Loop& loop : next.piece.loops) loop = {loop.extent, 0, loop.source_stride};
      next.piece.more[k_].offset = piece.output_offset + moved;
      resolve(std::move(next));
    }
    return true;
  }

  void move_to_source(Walk& walk, const Piece& part, const Digits& start) const {
    Operand& operand = walk.piece.more[k_];
    Input& input = walk.inputs[k_];
    const std::int64_t first = source_of(start, part);
    for (std::int64_t& shift : input.by_field) {
      const auto field = digits_of(operand.offset + shift - part.output_offset, part, true);
      shift = source_of(*field, part) - first;
    }
    for (FoldLoop& loop : input.block) loop.stride = source_of(*digits_of(loop.stride, part, false), part);
    for (std::int64_t& stride : operand.strides) stride = source_of(*digits_of(stride, part, false), part);
    operand.offset = part.source_offset + first;
    operand.source = part.source;
  }

  std::size_t k_;
  const std::string& role_;
  std::vector<Walk>& out_;
  std::vector<Piece> parts_;
};

// A tensor in one run of its source: every bit moves alike.
std::optional<std::int64_t> shift_of(const View& view) {
  if (view.pieces.size() != 1) return std::nullopt;
  const Piece& piece = view.pieces.front();
  const bool whole = !is_zero(piece) && !is_computed(piece) && piece.loops.size() <= 1 &&
                     (piece.loops.empty() || piece.loops.front().source_stride == 1);
  return whole ? std::optional(piece.source_offset * bits_of(view.dtype)) : std::nullopt;
}

const View& input_of(const std::string& role, const std::map<std::string, View>& inputs) {
  const auto found = inputs.find(role);
  if (found == inputs.end()) refuse("missing", role, fmt::format("there is no {}", role));
  return found->second;
}

Walk walk_of(const ValuePiece& made) {
  Walk walk{{}, made.recipe.inputs};
  walk.piece.output_offset = made.output_offset;
  for (std::size_t i = 0; i < made.extents.size(); ++i)
    walk.piece.loops.push_back({made.extents[i], 0, made.output_strides[i]});
  for (const ValueOperand& operand : made.operands)
    walk.piece.more.push_back({0, operand.offset, operand.strides});
  for (std::size_t i = walk.piece.loops.size(); i-- > 0;) {
    if (walk.piece.loops[i].extent == 1) erase_loop(walk.piece, i);
  }
  return walk;
}

// The piece of a view: its first operand in the piece's own members, a plain copy as one.
Piece piece_of(Walk walk, const Recipe& made, int bits, RecipeBook& recipes) {
  Piece piece = std::move(walk.piece);
  piece.source = kNoSource;
  if (!piece.more.empty()) {
    const Operand first = std::move(piece.more.front());
    piece.more.erase(piece.more.begin());
    piece.source = first.source;
    piece.source_offset = first.offset;
    for (std::size_t i = 0; i < piece.loops.size(); ++i) piece.loops[i].source_stride = first.strides[i];
  }
  Recipe recipe = made;
  recipe.inputs = std::move(walk.inputs);
  const bool whole = piece.source_offset % bits == 0 &&
                     std::all_of(piece.loops.begin(), piece.loops.end(),
                                 [&](const Loop& loop) { return loop.source_stride % bits == 0; });
  if (!is_copy(recipe) || recipe.result.coding.bits != bits || !whole) {
    piece.recipe = recipes.number_of(recipe);
    return piece;
  }
  piece.source_offset /= bits;
  for (Loop& loop : piece.loops) loop.source_stride /= bits;
  return piece;
}

bool copies_all(const ValueOutput& made, const View& from) {
  if (made.pieces.size() != 1 || made.dtype != from.dtype) return false;
  const ValuePiece& piece = made.pieces.front();
  const auto count = static_cast<std::int64_t>(element_count(made.shape).value_or(0));
  return is_copy(piece.recipe) && element_count(from.shape) == element_count(made.shape) &&
         piece.output_offset == 0 && piece.operands.front().offset == 0 &&
         piece.extents == std::vector{count} && piece.output_strides == std::vector<std::int64_t>{1} &&
         piece.operands.front().strides == std::vector<std::int64_t>{bits_of(from.dtype)};
}

}  // namespace

View view_of_output(const ValueOutput& made, const std::map<std::string, View>& inputs, RecipeBook& recipes) {
  if (made.pieces.size() == 1 && made.pieces.front().operands.size() == 1) {
    const View& from = input_of(made.pieces.front().operands.front().role, inputs);
    if (copies_all(made, from)) return reshape(from, made.shape);
  }
  View view{made.dtype, made.shape, {}};
  for (const ValuePiece& piece : made.pieces) {
    std::vector<Walk> walks = {walk_of(piece)};
    for (std::size_t k = 0; k < piece.operands.size(); ++k) {
      const std::string& role = piece.operands[k].role;
      const View& from = input_of(role, inputs);
      if (const auto shift = shift_of(from)) {
        for (Walk& walk : walks) {
          walk.piece.more[k].offset += *shift;
          walk.piece.more[k].source = from.pieces.front().source;
        }
        continue;
      }
      std::vector<Walk> resolved;
      Resolver resolver(k, role, from, resolved);
      for (Walk& walk : walks) resolver.resolve(std::move(walk));
      walks = std::move(resolved);
    }
    for (Walk& walk : walks)
      view.pieces.push_back(piece_of(std::move(walk), piece.recipe, bits_of(made.dtype), recipes));
  }
  normalise(view);
  return view;
}

}  // namespace tenon
