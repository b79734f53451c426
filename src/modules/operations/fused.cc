// Fused operations: each stands for primitive steps, and has a kernel of its own.

#include <fmt/format.h>

#include <algorithm>

#include "modules/cuda/gpu_call.h"
#include "modules/operations/parameters.h"
#include "modules/rotation.h"

namespace tenon {
namespace {

using Kind = Parameter::Kind;

using Slots = std::vector<int>;

// The one slot of an operand; -1 where it was left out.
int slot_of(const BoundStep& step, const std::string& operand) {
  const auto found = step.operands.find(operand);
  return found == step.operands.end() || found->second.empty() ? -1 : found->second.front();
}

nlohmann::ordered_json some(const nlohmann::ordered_json& attributes,
                            std::initializer_list<const char*> names) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  for (const char* name : names) {
    if (attributes.contains(name)) out[name] = attributes[name];
  }
  return out;
}

int write_inside(StepWriter& writer, BoundStep step) {
  step.inside = true;
  return writer.write(std::move(step));
}

// x W^T + b, the weight and the bias being operands of the step under these names.
BoundStep linear_step(const BoundStep& s, int x, const std::string& weight, const std::string& bias) {
  return primitive("linear", {{"x", x}, {"weight", slot_of(s, weight)}, {"bias", slot_of(s, bias)}});
}

nlohmann::ordered_json unit_of(const BoundStep& s) {
  return some(s.attributes, {"act", "interleaved", "limit", "limit_after", "alpha", "up_offset"});
}

// act(x gate^T) * (x up^T), whether gate and up are one weight or two; then down.
Slots expand_mlp(StepWriter& writer, const BoundStep& s, int x) {
  int hidden = -1;
  if (slot_of(s, "gate_up") >= 0) {
    const int both = write_inside(writer, linear_step(s, x, "gate_up", "gate_up_bias"));
    hidden = writer.write(primitive("act_mul_halves", {{"x", both}}, unit_of(s)));
  } else {
    if (slot_of(s, "gate") < 0 || slot_of(s, "up") < 0)
      throw Misfit("either gate_up or both gate and up are needed");
    const int g = write_inside(writer, linear_step(s, x, "gate", "gate_bias"));
    const int u = write_inside(writer, linear_step(s, x, "up", "up_bias"));
    nlohmann::ordered_json unit = unit_of(s);
    unit.erase("interleaved");
    hidden = writer.write(primitive("act_mul", {{"x", g}, {"y", u}}, unit));
  }
  return {writer.write(linear_step(s, hidden, "down", "down_bias"))};
}

int expand_norm(StepWriter& writer, const BoundStep& s) {
  return writer.write(primitive("rms_norm", {{"x", slot_of(s, "x")}, {"weight", slot_of(s, "norm")}},
                                some(s.attributes, {"epsilon", "offset"})));
}

Slots gated_mlp(StepWriter& writer, const BoundStep& s) {
  return expand_mlp(writer, s, slot_of(s, "x"));
}

Slots rms_norm_mlp(StepWriter& writer, const BoundStep& s) {
  return expand_mlp(writer, s, expand_norm(writer, s));
}

Slots rms_norm_linear(StepWriter& writer, const BoundStep& s) {
  return {writer.write(linear_step(s, expand_norm(writer, s), "weight", "bias"))};
}

Slots patch_linear(StepWriter& writer, const BoundStep& s) {
  const int rows =
      writer.write(primitive("patches", {{"x", slot_of(s, "x")}}, some(s.attributes, {"patch"})));
  return {writer.write(linear_step(s, rows, "weight", "bias"))};
}

Slots qkv_linear(StepWriter& writer, const BoundStep& s) {
  const std::int64_t heads = s.attributes.at("heads");
  const std::int64_t kv_heads = s.attributes.at("kv_heads");
  const std::int64_t width = s.attributes.at("head_dim");
  const int all = writer.write(linear_step(s, slot_of(s, "x"), "weight", "bias"));
  BoundStep cut = primitive("chunk", {{"x", all}},
                            {{"dim", -1}, {"sizes", {heads * width, kv_heads * width, kv_heads * width}}});
  const int q = writer.write(std::move(cut), 3);
  Slots out;
  for (const auto& [slot, count] : {std::pair{q, heads}, {q + 1, kv_heads}, {q + 2, kv_heads}}) {
    const std::int64_t tokens = writer.shape(slot).front();
    out.push_back(writer.write(primitive("reshape", {{"x", slot}}, {{"shape", {tokens, count, width}}})));
  }
  if (!s.attributes.contains("theta")) return out;
  for (const int i : {0, 1}) {
    out[static_cast<std::size_t>(i)] =
        writer.write(primitive("rope", {{"x", out[static_cast<std::size_t>(i)]}},
                               some(s.attributes, {"theta", "interleaved", "rotary_dim"})));
  }
  return out;
}

bool gpu_qkv_linear(GpuCall& c) {
  if (c.attributes.has("theta") && c.attributes.has("rotary_dim")) return false;
  const tenon_tensor x = matrix(c.in("x"));
  tenon_qkv_linear_args args{x,        c.in("weight"), c.in("bias"), {}, {},
                             c.out(0), c.out(1),       c.out(2),     0,  c.attributes.flag("interleaved"),
                             0};
  if (c.attributes.has("theta")) {
    const auto& table = c.tables.table(
        x.shape[0], plain_rotation(c.attributes.real("theta"), c.attributes.integer("head_dim")));
    args.cos = table.cos.tensor, args.sin = table.sin.tensor;
  }
  c.queue(c.api().qkv_linear, args);
  return true;
}

// gate and up, where they are two weights, stand one behind the other.
tenon_gated_mlp_args mlp_args(const GpuCall& c) {
  tenon_tensor gate_up = c.in("gate_up");
  if (!c.has("gate_up")) gate_up = reshaped(c.in("gate"), {2 * c.in("gate").shape[0], c.in("gate").shape[1]});
  return {matrix(c.in("x")),
          gate_up,
          c.in("gate_up_bias"),
          c.in("down"),
          c.in("down_bias"),
          matrix(c.out()),
          *c.act(),
          c.attributes.flag("interleaved")};
}

bool gpu_gated_mlp(GpuCall& c) {
  if (!c.plain_unit()) return false;
  c.queue(c.api().gated_mlp, mlp_args(c));
  return true;
}

bool gpu_rms_norm_mlp(GpuCall& c) {
  if (!c.plain_unit() || c.has("gate_bias") || c.has("up_bias")) return false;
  c.queue(c.api().rms_norm_mlp,
          tenon_rms_norm_mlp_args{mlp_args(c), c.in("norm"), c.attributes.real("epsilon"),
                                  c.attributes.real("offset", 0)});
  return true;
}

bool gpu_rms_norm_linear(GpuCall& c) {
  c.queue(c.api().rms_norm_linear,
          tenon_rms_norm_linear_args{matrix(c.in("x")), c.in("norm"), c.in("weight"), c.in("bias"),
                                     matrix(c.out()), c.attributes.real("epsilon"),
                                     c.attributes.real("offset", 0)});
  return true;
}

bool gpu_patch_linear(GpuCall& c) {
  tenon_patch_linear_args args{c.in("x"), c.in("weight"), c.in("bias"), matrix(c.out()), {}};
  const auto patch = c.attributes.integers("patch", {});
  std::copy(patch.begin(), patch.end(), args.patch);
  c.queue(c.api().patch_linear, args);
  return true;
}

}  // namespace

std::vector<ModuleOperation> fused_operations() {
  const Parameters norm = {
      {"norm", Kind::kWeight, false}, {"epsilon", Kind::kReal}, {"offset", Kind::kReal, false}};
  return {
      {.name = "qkv_linear",
       .parameters = joined({product_parameters(false),
                             {{"heads", Kind::kInteger},
                              {"kv_heads", Kind::kInteger},
                              {"head_dim", Kind::kInteger},
                              {"theta", Kind::kReal, false},
                              {"interleaved", Kind::kFlag, false},
                              {"rotary_dim", Kind::kInteger, false}}}),
       .outputs = 3,
       .expand = qkv_linear,
       .gpu = gpu_qkv_linear,
       .role = Role::kHeads},
      {.name = "gated_mlp",
       .parameters = joined({{{"x", Kind::kValue}}, gated_mlp_parameters(false)}),
       .expand = gated_mlp,
       .gpu = gpu_gated_mlp},
      {.name = "rms_norm_linear",
       .parameters = joined({product_parameters(false), norm}),
       .expand = rms_norm_linear,
       .gpu = gpu_rms_norm_linear},
      {.name = "rms_norm_mlp",
       .parameters = joined({{{"x", Kind::kValue}}, norm, gated_mlp_parameters(true)}),
       .expand = rms_norm_mlp,
       .gpu = gpu_rms_norm_mlp,
       .joins_gate_and_up = true},
      {.name = "patch_linear",
       .parameters = joined({product_parameters(false), {{"patch", Kind::kIntegers}}}),
       .expand = patch_linear,
       .gpu = gpu_patch_linear},
  };
}

}  // namespace tenon
