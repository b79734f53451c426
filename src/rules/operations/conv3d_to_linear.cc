// Conv3dToLinear flattens a patch embedding's convolution, LinearToConv3d gives it its five dimensions back.
#include <fmt/format.h>

#include <algorithm>

#include "rules/operations/bundles.h"
#include "rules/operations/registry.h"
#include "tensor/view_operations.h"

namespace tenon {
namespace {

// The patch that the convolution sees. Where the rule leaves it out, the vision config has it.
struct Patch {
  OptionalNumber in_channels;
  KernelSize kernel_size;

  void fill_in(const Place& place) {
    if (!in_channels) {
      in_channels = Number{
          "${config.vision_config.in_channels or config.vision_config.in_chans or config.in_channels or "
          "config.in_chans}",
          place, std::nullopt};
    }
    if (!kernel_size.listed.empty()) return;
    const Number patch{"${config.vision_config.patch_size or config.patch_size}", place, std::nullopt};
    kernel_size.listed = {
        {"${config.vision_config.temporal_patch_size or config.temporal_patch_size}", place, std::nullopt},
        patch,
        patch};
  }

  // [in, t, h, w]; empty where it is not known.
  Shape shape() const {
    if (!in_channels || kernel_size.listed.size() != 3) return {};
    Shape out = {in_channels->value.value_or(0)};
    for (const std::int64_t extent : values_of(kernel_size.listed)) out.push_back(extent);
    return out;
  }

  template <class O>
  static std::vector<OperationParameter> parameters() {
    return {parameter<O>("in_channels", &O::in_channels, "From the vision config where it is left out."),
            parameter<O>("kernel_size", &O::kernel_size,
                         "Time, height, width; from the vision config where it is left out.")};
  }
};

constexpr const char* kHint = "in_channels and kernel_size come from the rule, or from the vision config.";

class Conv3dToLinear final : public Patch, public OperationOf<Conv3dToLinear> {
 public:
  static OperationRow describe();
  void complete(const ParameterReader& reader) override { fill_in(reader.place()); }
  std::shared_ptr<const LayoutOperation> inverse() const override;

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    each_view(context, entries, [&](const View& view) {
      if (view.shape.size() == 2) return view;
      if (view.shape.size() != 5) {
        throw OperationError{
            "rule-op-shape"_id,
            fmt::format("Conv3dToLinear takes [out, in, t, h, w], not {}", to_string(view.shape)), ""};
      }
      const Shape declared = shape();
      if (!declared.empty() && !std::equal(declared.begin(), declared.end(), view.shape.begin() + 1)) {
        throw OperationError{"rule-op-shape"_id,
                             fmt::format("the convolution is {}, the rule says {} for its last four extents",
                                         to_string(view.shape), to_string(declared)),
                             kHint};
      }
      const std::int64_t flat = view.shape[1] * view.shape[2] * view.shape[3] * view.shape[4];
      return reshape(view, {view.shape[0], flat});
    });
  }
};

class LinearToConv3d final : public Patch, public OperationOf<LinearToConv3d> {
 public:
  static OperationRow describe();
  void complete(const ParameterReader& reader) override { fill_in(reader.place()); }
  std::shared_ptr<const LayoutOperation> inverse() const override;

  void apply(const OperationContext& context, std::vector<Entry>& entries) const override {
    each_view(context, entries, [&](const View& view) {
      const Shape patch = shape();
      if (view.shape.size() != 2 || patch.empty()) {
        throw OperationError{
            "rule-op-shape"_id,
            fmt::format("LinearToConv3d takes [out, in*t*h*w], not {}", to_string(view.shape)), ""};
      }
      Shape whole = {view.shape[0]};
      whole.insert(whole.end(), patch.begin(), patch.end());
      if (element_count(whole) != element_count(view.shape)) {
        throw OperationError{
            "rule-op-shape"_id,
            fmt::format("{} cannot be viewed as {}", to_string(view.shape), to_string(whole)), kHint};
      }
      return reshape(view, whole);
    });
  }
};

std::shared_ptr<const LayoutOperation> Conv3dToLinear::inverse() const {
  auto out = std::make_shared<LinearToConv3d>();
  static_cast<Patch&>(*out) = *this;
  return out;
}

std::shared_ptr<const LayoutOperation> LinearToConv3d::inverse() const {
  auto out = std::make_shared<Conv3dToLinear>();
  static_cast<Patch&>(*out) = *this;
  return out;
}

OperationRow Conv3dToLinear::describe() {
  return {"Conv3dToLinear",
          "[out, in, t, h, w] to [out, in*t*h*w].",
          "[out, in, t, h, w] to [out, in*t*h*w]",
          "`LinearToConv3d`",
          {},
          parameters<Conv3dToLinear>(),
          &make};
}

OperationRow LinearToConv3d::describe() {
  return {"LinearToConv3d",
          "The way back of Conv3dToLinear.",
          "the way back",
          "`Conv3dToLinear`",
          {},
          parameters<LinearToConv3d>(),
          &make};
}

}  // namespace

const OperationRow& conv3d_to_linear_row() {
  return Conv3dToLinear::the_row();
}
const OperationRow& linear_to_conv3d_row() {
  return LinearToConv3d::the_row();
}

}  // namespace tenon
