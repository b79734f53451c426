// Rules, tensors and a config make a plan. A plan that is accepted reads and writes within its tensors, can
// be printed, and has a way back that gives the source again: its tensors and, where they are small, their
// bytes.
#include <algorithm>
#include <cstdint>
#include <string>

#include "../golden/golden_case.h"
#include "checkpoint/manifest.h"
#include "invariant.h"
#include "plan/build_plan.h"
#include "plan/dump_plan.h"
#include "plan_case.h"
#include "rules/operations/layout_operation.h"

using namespace tenon;
using fuzz::require;

namespace {

constexpr std::uint64_t kMaxContents = 1 << 14;  // bytes

// What a recipe's operand reads, in bits.
void require_operand_inside(const Plan& plan, const Piece& piece, std::size_t index, std::uint32_t tensor,
                            std::int64_t offset, const std::vector<std::int64_t>& strides,
                            const Checkpoint& source) {
  const Input& input = plan.recipes.at(piece.recipe - 1).inputs.at(index);
  __int128 low = offset;
  __int128 high = static_cast<__int128>(offset) + input.coding.bits;
  const auto reach = [&](std::int64_t extent, std::int64_t stride) {
    (stride < 0 ? low : high) += static_cast<__int128>(extent - 1) * stride;
  };
  for (std::size_t i = 0; i < piece.loops.size(); ++i) reach(piece.loops[i].extent, strides.at(i));
  for (const FoldLoop& loop : input.block) reach(loop.extent, loop.stride);
  __int128 least = 0;
  __int128 most = 0;
  for (const std::int64_t shift : input.by_field) {
    least = std::min<__int128>(least, shift);
    most = std::max<__int128>(most, shift);
  }
  const Tensor& from = source.tensors.at(tensor);
  require(
      low + least >= 0 && high + most <= static_cast<__int128>(byte_size(from.dtype, from.shape).value()) * 8,
      "an operand is read inside its tensor");
}

void require_operands_inside(const Plan& plan, const Piece& piece, const Checkpoint& source) {
  const Recipe& recipe = plan.recipes.at(piece.recipe - 1);
  require(recipe.inputs.size() == piece.more.size() + (piece.source == kNoSource ? 0 : 1),
          "a recipe has as many operands as inputs");
  std::vector<std::int64_t> strides;
  for (const Loop& loop : piece.loops) strides.push_back(loop.source_stride);
  if (piece.source == kNoSource) return;
  require_operand_inside(plan, piece, 0, piece.source, piece.source_offset, strides, source);
  for (std::size_t k = 0; k < piece.more.size(); ++k)
    require_operand_inside(plan, piece, k + 1, piece.more[k].source, piece.more[k].offset,
                           piece.more[k].strides, source);
}

void require_inside(const Plan& plan, const Checkpoint& source) {
  for (const PlannedTensor& output : plan.outputs) {
    __int128 made = 0;
    for (const Piece& piece : output.view.pieces) {
      __int128 from = piece.source_offset;
      __int128 to = piece.output_offset;
      __int128 count = 1;
      for (const Loop& loop : piece.loops) {
        require(loop.extent > 0 && loop.source_stride >= 0 && loop.output_stride >= 0, "loops go forward");
        from += static_cast<__int128>(loop.extent - 1) * loop.source_stride;
        to += static_cast<__int128>(loop.extent - 1) * loop.output_stride;
        count *= loop.extent;
      }
      require(piece.output_offset >= 0 && to < element_count(output.view.shape).value(),
              "a piece writes inside its output");
      made += count;
      if (is_computed(piece)) {
        require_operands_inside(plan, piece, source);
        continue;
      }
      if (is_zero(piece)) continue;
      const Tensor& tensor = source.tensors.at(piece.source);
      // BOOL cast to U8 is a copy.
      require(bits_of(tensor.dtype) == bits_of(output.view.dtype),
              "an output has elements of its sources' size");
      require(piece.source_offset >= 0 && from < element_count(tensor.shape).value(),
              "a piece reads inside its source");
    }
    require(made == element_count(output.view.shape).value(), "the pieces make each element");
  }
}

// As it would be read from the converted folder: the manifest goes through its text.
Checkpoint converted(const Plan& plan, const fuzz::PlanCase& c) {
  Checkpoint out = golden::converted(plan, c.checkpoint, c.rules);
  out.manifest = parse_manifest(to_json_text(*out.manifest), "tenon-manifest.json");
  return out;
}

bool has_contents(const Checkpoint& source) {
  return source.total_bytes() <= kMaxContents &&
         std::all_of(source.tensors.begin(), source.tensors.end(),
                     [](const Tensor& t) { return bits_of(t.dtype) % 8 == 0; });
}

bool changes_values(const Transform& transform) {
  return std::any_of(transform.operations.begin(), transform.operations.end(),
                     [](const Operation& o) { return o->value_step() != nullptr; });
}

// Legacy names and dropped tensors do not come back; everything else does. Values that change are not asked
// for here: what is kept of them stands in a file that this target does not write.
void require_return(const Plan& plan, const fuzz::PlanCase& c) {
  if (std::any_of(plan.transforms.begin(), plan.transforms.end(), changes_values)) return;
  Options options;
  options.to = Layout::kOriginal;
  const Checkpoint fused = converted(plan, c);
  const Plan back = build_plan(fused, c.rules, options);
  require_inside(back, fused);
  const bool lossless = std::none_of(plan.fates.begin(), plan.fates.end(),
                                     [](const auto& f) { return f.kind == SourceFate::Kind::kDropped; });
  const bool one_way = std::any_of(plan.transforms.begin(), plan.transforms.end(),
                                   [](const Transform& t) { return t.forward_only; });
  if (!lossless || one_way) return;
  // What is cut off comes back as zeros, which a conversion would have looked for.
  const bool contents = has_contents(c.checkpoint) && plan.conditions.empty();
  std::map<std::string, std::string> bytes;
  golden::Bytes original;
  if (contents) {
    original = golden::make_contents(c.checkpoint, golden::Contents::kBytes);
    bytes = golden::carry_out(back, fused, golden::converted_contents(plan, c.checkpoint, original, fused));
  }
  require(back.outputs.size() == c.checkpoint.tensors.size(), "as many tensors come back");
  for (std::size_t i = 0; i < back.outputs.size(); ++i) {
    const Tensor& tensor = c.checkpoint.tensors[i];
    const PlannedTensor& output = back.outputs[i];
    require(output.key == tensor.key, "keys come back");
    require(output.view.dtype == tensor.dtype && output.view.shape == tensor.shape,
            "dtypes and shapes come back");
    require(!contents || bytes.at(tensor.key) == original[i], "contents come back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::PlanCase c;
  Plan plan;
  try {
    c = fuzz::read_plan_case({reinterpret_cast<const char*>(data), size});
    plan = build_plan(c.checkpoint, c.rules, {});
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    return 0;
  } catch (const SystemError&) {
    return 0;  // tensors that say shapes or groups are read while planning, and there is no file
  }
  require_inside(plan, c.checkpoint);
  require(!golden_dump(plan, c.checkpoint).empty() && !plan_json(plan, c.checkpoint).empty(),
          "a plan can be printed");
  require_return(plan, c);
  return 0;
}
