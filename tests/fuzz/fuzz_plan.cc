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

using namespace tenon;
using fuzz::require;

namespace {

constexpr std::uint64_t kMaxContents = 1 << 14;  // bytes

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
      const Tensor& tensor = source.tensors.at(piece.source);
      require(tensor.dtype == output.view.dtype, "an output has the dtype of its sources");
      require(piece.source_offset >= 0 && from < element_count(tensor.shape).value(),
              "a piece reads inside its source");
      require(piece.output_offset >= 0 && to < element_count(output.view.shape).value(),
              "a piece writes inside its output");
      made += count;
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

// Legacy names and dropped tensors do not come back; everything else does.
void require_return(const Plan& plan, const fuzz::PlanCase& c) {
  PlanOptions options;
  options.to = Layout::kOriginal;
  const Checkpoint fused = converted(plan, c);
  const Plan back = build_plan(fused, c.rules, options);
  require_inside(back, fused);
  const bool lossless = std::none_of(plan.fates.begin(), plan.fates.end(),
                                     [](const auto& f) { return f.kind == SourceFate::Kind::kDropped; });
  const bool one_way = std::any_of(plan.transforms.begin(), plan.transforms.end(),
                                   [](const Transform& t) { return t.forward_only; });
  if (!lossless || one_way) return;
  const bool contents = has_contents(c.checkpoint);
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
  }
  require_inside(plan, c.checkpoint);
  require(!golden_dump(plan, c.checkpoint).empty() && !plan_json(plan, c.checkpoint).empty(),
          "a plan can be printed");
  require_return(plan, c);
  return 0;
}
