#include "engine/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/checked.h"

namespace tenon {
namespace {

std::uint64_t to_bytes(std::int64_t elements, int bits, bool& whole) {
  const auto total = checked_mul<std::int64_t>(elements, bits);
  if (!total || *total < 0) throw std::logic_error("a piece of the plan has a negative or endless stride");
  if (*total % 8 != 0) whole = false;
  return static_cast<std::uint64_t>(*total) / 8;
}

// One past the last byte that a box touches on one side, where that is within `bytes`.
bool stays_within(const Box& box, std::uint64_t ByteLoop::*stride, std::uint64_t offset,
                  std::uint64_t bytes) {
  std::optional<std::uint64_t> end = checked_add(offset, box.run);
  for (const ByteLoop& loop : box.loops) {
    const auto way = checked_mul(loop.extent - 1, loop.*stride);
    end = end && way ? checked_add(*end, *way) : std::nullopt;
  }
  return end && *end <= bytes;
}

void sort_and_merge(Box& box) {
  std::stable_sort(box.loops.begin(), box.loops.end(),
                   [](const ByteLoop& a, const ByteLoop& b) { return a.target_stride > b.target_stride; });
  while (!box.loops.empty() && box.loops.back().source_stride == box.run &&
         box.loops.back().target_stride == box.run) {
    box.run *= box.loops.back().extent;
    box.loops.pop_back();
  }
}

void index_pieces(Target& target) {
  std::stable_sort(target.pieces.begin(), target.pieces.end(), [](const BytePiece& a, const BytePiece& b) {
    return a.box.target_offset < b.box.target_offset;
  });
  std::uint64_t furthest = 0;
  for (const BytePiece& piece : target.pieces) {
    furthest = std::max(furthest, end_of(piece.box));
    target.reach.push_back(furthest);
  }
}

void index(Target& target) {
  index_pieces(target);
  std::stable_sort(target.computed.begin(), target.computed.end(),
                   [](const auto& a, const auto& b) { return a.target_offset < b.target_offset; });
  std::uint64_t furthest = 0;
  for (const ComputedPiece& piece : target.computed) {
    furthest = std::max(furthest, end_of(piece));
    target.computed_reach.push_back(furthest);
  }
}

// Walks down the loops of a box; `depth` loops are fixed, their steps are in `at`.
struct Clipper {
  const Box& box;
  std::uint64_t begin;
  std::uint64_t end;
  const std::function<void(const Box&)>& use;
  Box part = {};

  // Target bytes from the first to one past the last that the loops from `depth` on reach.
  std::uint64_t span(std::size_t depth) const {
    std::uint64_t bytes = box.run;
    for (std::size_t i = depth; i < box.loops.size(); ++i) {
      bytes += (box.loops[i].extent - 1) * box.loops[i].target_stride;
    }
    return bytes;
  }

  void emit(std::size_t depth, std::uint64_t source, std::uint64_t target, std::uint64_t extent) {
    part.source_offset = source;
    part.target_offset = target;
    part.run = box.run;
    part.loops.assign(box.loops.begin() + static_cast<std::ptrdiff_t>(depth), box.loops.end());
    if (!part.loops.empty()) {
      part.loops.front().extent = extent;
      if (extent == 1) part.loops.erase(part.loops.begin());
    }
    use(part);
  }

  void emit_run(std::uint64_t source, std::uint64_t target) {
    const std::uint64_t from = std::max(target, begin);
    part.source_offset = source + (from - target);
    part.target_offset = from;
    part.run = std::min(target + box.run, end) - from;
    part.loops.clear();
    use(part);
  }

  void visit(std::size_t depth, std::uint64_t source, std::uint64_t target) {
    if (target >= end || target + span(depth) <= begin) return;
    if (depth == box.loops.size()) return emit_run(source, target);
    const ByteLoop& loop = box.loops[depth];
    const std::uint64_t step = loop.target_stride;
    const std::uint64_t rest = span(depth + 1);
    const auto descend = [&](std::uint64_t from, std::uint64_t to) {
      for (std::uint64_t i = from; i < to; ++i) {
        visit(depth + 1, source + i * loop.source_stride, target + i * step);
      }
    };
    // Steps first..last reach into the range; of those, inner_first..inner_last lie in it as a whole.
    const std::uint64_t first = begin >= target + rest ? (begin - target - rest) / step + 1 : 0;
    const std::uint64_t last = std::min(loop.extent, (end - target - 1) / step + 1);
    const std::uint64_t inner_first = begin > target ? (begin - target + step - 1) / step : 0;
    const std::uint64_t inner_last =
        end >= target + rest ? std::min(loop.extent, (end - target - rest) / step + 1) : 0;
    if (inner_first >= inner_last) return descend(first, last);
    descend(first, inner_first);
    emit(depth, source + inner_first * loop.source_stride, target + inner_first * step,
         inner_last - inner_first);
    descend(inner_last, last);
  }
};

}  // namespace

std::optional<Box> lower(const Piece& piece, const PlannedTensor& output) {
  const int bits = bits_of(output.view.dtype);
  bool whole = true;
  Box box{to_bytes(piece.source_offset, bits, whole), to_bytes(piece.output_offset, bits, whole), 0, {}};
  std::int64_t run = 1;  // elements that stand side by side on both sides
  for (auto loop = piece.loops.rbegin(); loop != piece.loops.rend(); ++loop) {
    if (loop->extent <= 0) return std::nullopt;
    if (loop->extent == 1) continue;
    if (loop->output_stride == 0) throw std::logic_error("a piece of the plan fills one element twice");
    if (box.loops.empty() && loop->source_stride == run && loop->output_stride == run) {
      run *= loop->extent;
      continue;
    }
    box.loops.push_back({static_cast<std::uint64_t>(loop->extent), to_bytes(loop->source_stride, bits, whole),
                         to_bytes(loop->output_stride, bits, whole)});
  }
  box.run = to_bytes(run, bits, whole);
  if (!whole) {
    throw UserError(
        "plan-sub-byte"_id, {"", 0, 0, {}, output.key, ""},
        fmt::format("{} elements of {} bits cannot be moved one by one", name_of(output.view.dtype), bits),
        "Only transforms that move whole bytes of such tensors are possible.");
  }
  sort_and_merge(box);
  return box;
}

std::uint64_t end_of(const Box& box) {
  std::uint64_t end = box.target_offset + box.run;
  for (const ByteLoop& loop : box.loops) end += (loop.extent - 1) * loop.target_stride;
  return end;
}

void clip(const Box& box, std::uint64_t begin, std::uint64_t end,
          const std::function<void(const Box&)>& use) {
  Clipper{box, begin, end, use}.visit(0, box.source_offset, box.target_offset);
}

std::pair<std::size_t, std::size_t> pieces_within(const Target& target, std::uint64_t begin,
                                                  std::uint64_t end) {
  const auto first = std::upper_bound(target.reach.begin(), target.reach.end(), begin) - target.reach.begin();
  const auto last = std::lower_bound(
      target.pieces.begin() + first, target.pieces.end(), end,
      [](const BytePiece& piece, std::uint64_t offset) { return piece.box.target_offset < offset; });
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(last - target.pieces.begin())};
}

Transfer make_transfer(const Plan& plan, const Checkpoint& source) {
  Transfer transfer;
  for (const Tensor& tensor : source.tensors)
    transfer.sources.push_back({tensor.shard, tensor.offset, tensor.bytes});
  for (const PlannedTensor& output : plan.outputs) {
    Target target;
    target.region = {output.shard, output.offset, output.bytes};
    for (const Piece& piece : output.view.pieces) {
      if (is_zero(piece)) {
        target.rest = Target::Rest::kZeros;
        continue;
      }
      if (is_computed(piece)) {
        target.computed.push_back(
            lower_computed(piece, output, plan.recipes.at(piece.recipe - 1), transfer.sources));
        continue;
      }
      const std::optional<Box> box = lower(piece, output);
      if (!box) continue;
      if (piece.source >= source.tensors.size() ||
          !stays_within(*box, &ByteLoop::target_stride, box->target_offset, output.bytes) ||
          !stays_within(*box, &ByteLoop::source_stride, box->source_offset,
                        source.tensors[piece.source].bytes)) {
        throw std::logic_error("a piece of the plan leaves its tensors: " + output.key);
      }
      target.pieces.push_back({piece.source, *box});
    }
    index(target);
    transfer.targets.push_back(std::move(target));
  }
  return transfer;
}

std::vector<Region> regions_of(const std::vector<Target>& targets) {
  std::vector<Region> regions;
  regions.reserve(targets.size());
  for (const Target& target : targets) regions.push_back(target.region);
  return regions;
}

Region region_of(const Tensor& tensor) {
  return {tensor.shard, tensor.offset, tensor.bytes};
}

std::uint64_t total_bytes(const std::vector<Region>& regions) {
  std::uint64_t total = 0;
  for (const Region& region : regions) total += region.bytes;
  return total;
}

namespace {

// What is read of one source.
struct Reading {
  std::uint64_t bytes = 0;
  // first and one past the last byte of each copy
  std::vector<std::pair<std::uint64_t, std::uint64_t>> reaches;
  bool stands_still = false;

  void take(const Box& box) {
    std::uint64_t count = box.run;
    std::uint64_t reach = box.run;
    for (const ByteLoop& loop : box.loops) {
      count *= loop.extent;
      reach += (loop.extent - 1) * loop.source_stride;
      stands_still = stands_still || loop.source_stride == 0;
    }
    bytes += count;
    reaches.emplace_back(box.source_offset, box.source_offset + reach);
  }

  // A plan with a way back reads, or cuts off, each of `whole` bytes: copies whose reaches overlap lie in
  // each other's gaps then, unless they read more than there is. Without one they may share bytes.
  bool repeats(std::uint64_t whole, std::uint64_t cut_off, bool one_way) {
    if (stands_still || bytes + cut_off > whole) return true;
    if (!one_way) return false;
    std::sort(reaches.begin(), reaches.end());
    return std::adjacent_find(reaches.begin(), reaches.end(), [](const auto& a, const auto& b) {
             return b.first < a.second;
           }) != reaches.end();
  }
};

std::vector<std::uint64_t> bytes_cut_off(const Plan& plan, std::size_t sources) {
  std::vector<std::uint64_t> out(sources, 0);
  for (const Condition& condition : plan.conditions) {
    if (condition.kind == Condition::Kind::kEqual || condition.kind == Condition::Kind::kScale) continue;
    for (const Piece& piece : copies_of(condition.view)) {
      std::uint64_t bits = static_cast<std::uint64_t>(bits_of(condition.view.dtype));
      for (const Loop& loop : piece.loops) bits *= static_cast<std::uint64_t>(loop.extent);
      out[piece.source] += bits / 8;
    }
  }
  return out;
}

}  // namespace

Transfer take_repeated(const Plan& plan, Transfer& transfer) {
  std::vector<Reading> readings(transfer.sources.size());
  for (const Target& target : transfer.targets) {
    for (const BytePiece& piece : target.pieces) readings[piece.source].take(piece.box);
  }
  const std::vector<std::uint64_t> cut_off = bytes_cut_off(plan, transfer.sources.size());
  std::vector<bool> repeats;
  for (std::size_t i = 0; i < readings.size(); ++i)
    repeats.push_back(readings[i].repeats(transfer.sources[i].bytes, cut_off[i], plan.one_way));
  Transfer out;
  out.sources = transfer.sources;
  for (Target& target : transfer.targets) {
    Target& taken = out.targets.emplace_back();
    taken.region = target.region;
    const auto kept = std::stable_partition(target.pieces.begin(), target.pieces.end(),
                                            [&](const BytePiece& piece) { return !repeats[piece.source]; });
    if (kept == target.pieces.end()) continue;
    taken.pieces.assign(kept, target.pieces.end());
    target.pieces.erase(kept, target.pieces.end());
    target.reach.clear();
    index_pieces(target);
    index_pieces(taken);
  }
  return out;
}

Transfer invert(const Transfer& transfer) {
  Transfer inverse;
  for (const Region& region : transfer.sources)
    inverse.targets.push_back({region, {}, {}, Target::Rest::kNone});
  for (std::size_t i = 0; i < transfer.targets.size(); ++i) {
    inverse.sources.push_back(transfer.targets[i].region);
    for (const BytePiece& piece : transfer.targets[i].pieces) {
      Box box{piece.box.target_offset, piece.box.source_offset, piece.box.run, piece.box.loops};
      for (ByteLoop& loop : box.loops) std::swap(loop.source_stride, loop.target_stride);
      sort_and_merge(box);
      inverse.targets[piece.source].pieces.push_back({static_cast<std::uint32_t>(i), std::move(box)});
    }
  }
  for (Target& target : inverse.targets) index(target);
  return inverse;
}

void mark_cut_off(const Plan& plan, Transfer& inverse) {
  for (const Condition& condition : plan.conditions) {
    if (condition.kind == Condition::Kind::kEqual || condition.kind == Condition::Kind::kScale) continue;
    const bool zero = condition.kind == Condition::Kind::kZero;
    for (const Piece& piece : copies_of(condition.view)) {
      Target::Rest& rest = inverse.targets[piece.source].rest;
      if (rest != Target::Rest::kAnything) rest = zero ? Target::Rest::kZeros : Target::Rest::kAnything;
    }
  }
}

void mark_computed(const Transfer& transfer, Transfer& inverse) {
  for (const Target& target : transfer.targets) {
    for (const ComputedPiece& piece : target.computed) {
      for (const ComputedOperand& operand : piece.operands)
        inverse.targets[operand.source].rest = Target::Rest::kAnything;
    }
  }
}

}  // namespace tenon
