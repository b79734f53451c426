#include "parity/operations.h"

#include <algorithm>

namespace tenon {
namespace {

using Kind = Parameter::Kind;
using Slots = std::vector<int>;

constexpr bool kOptional = false;

// The one slot of an operand; -1 where it was left out.
int slot_of(const BoundStep& step, const std::string& operand) {
  const auto found = step.operands.find(operand);
  return found == step.operands.end() || found->second.empty() ? -1 : found->second.front();
}

BoundStep primitive(std::string name, std::vector<std::pair<std::string, int>> operands,
                    nlohmann::ordered_json attributes = nlohmann::ordered_json::object()) {
  BoundStep out;
  out.operation = std::move(name);
  for (const auto& [operand, slot] : operands) {
    if (slot >= 0) out.operands[operand] = {slot};
  }
  out.attributes = std::move(attributes);
  return out;
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

// act(x gate^T) * (x up^T), whether gate and up are one weight or two; then down.
Slots expand_mlp(StepWriter& writer, const BoundStep& s, int x) {
  int hidden = -1;
  if (slot_of(s, "gate_up") >= 0) {
    const int both = write_inside(writer, primitive("linear", {{"x", x},
                                                               {"weight", slot_of(s, "gate_up")},
                                                               {"bias", slot_of(s, "gate_up_bias")}}));
    hidden =
        writer.write(primitive("act_mul_halves", {{"x", both}}, some(s.attributes, {"act", "interleaved"})));
  } else {
    const int gate = slot_of(s, "gate");
    const int up = slot_of(s, "up");
    if (gate < 0 || up < 0) throw Misfit("either gate_up or both gate and up are needed");
    const int g = write_inside(writer, primitive("linear", {{"x", x}, {"weight", gate}}));
    const int u = write_inside(writer, primitive("linear", {{"x", x}, {"weight", up}}));
    hidden = writer.write(primitive("act_mul", {{"x", g}, {"y", u}}, some(s.attributes, {"act"})));
  }
  return {writer.write(primitive(
      "linear", {{"x", hidden}, {"weight", slot_of(s, "down")}, {"bias", slot_of(s, "down_bias")}}))};
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
  const int normal = expand_norm(writer, s);
  return {writer.write(
      primitive("linear", {{"x", normal}, {"weight", slot_of(s, "weight")}, {"bias", slot_of(s, "bias")}}))};
}

Slots patch_linear(StepWriter& writer, const BoundStep& s) {
  const int rows =
      writer.write(primitive("patches", {{"x", slot_of(s, "x")}}, some(s.attributes, {"patch"})));
  return {writer.write(
      primitive("linear", {{"x", rows}, {"weight", slot_of(s, "weight")}, {"bias", slot_of(s, "bias")}}))};
}

Slots qkv_linear(StepWriter& writer, const BoundStep& s) {
  const std::int64_t heads = s.attributes.at("heads");
  const std::int64_t kv_heads = s.attributes.at("kv_heads");
  const std::int64_t width = s.attributes.at("head_dim");
  const int all = writer.write(primitive(
      "linear", {{"x", slot_of(s, "x")}, {"weight", slot_of(s, "weight")}, {"bias", slot_of(s, "bias")}}));
  BoundStep cut = primitive("chunk", {{"x", all}},
                            {{"axis", -1}, {"sizes", {heads * width, kv_heads * width, kv_heads * width}}});
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

const std::vector<ModuleOperation>& table() {
  static const std::vector<ModuleOperation> all = {
      {"linear",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight},
        {"bias", Kind::kWeight, kOptional},
        {"transposed", Kind::kFlag, kOptional}}},
      {"conv2d",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight},
        {"bias", Kind::kWeight, kOptional},
        {"stride", Kind::kIntegers, kOptional},
        {"padding", Kind::kIntegers, kOptional}}},
      {"conv3d",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight},
        {"bias", Kind::kWeight, kOptional},
        {"stride", Kind::kIntegers, kOptional},
        {"padding", Kind::kIntegers, kOptional}}},
      {"depthwise_conv1d",
       {{"x", Kind::kValue}, {"weight", Kind::kWeight}, {"bias", Kind::kWeight, kOptional}}},
      {"embedding", {{"ids", Kind::kValue}, {"weight", Kind::kWeight}}},
      {"rms_norm",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight, kOptional},
        {"epsilon", Kind::kReal},
        {"offset", Kind::kReal, kOptional}}},
      {"layer_norm",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight, kOptional},
        {"bias", Kind::kWeight, kOptional},
        {"epsilon", Kind::kReal}}},
      {"silu", {{"x", Kind::kValue}}},
      {"gelu", {{"x", Kind::kValue}}},
      {"gelu_tanh", {{"x", Kind::kValue}}},
      {"relu", {{"x", Kind::kValue}}},
      {"relu2", {{"x", Kind::kValue}}},
      {"act_mul", {{"act", Kind::kText}, {"x", Kind::kValue}, {"y", Kind::kValue}}},
      {"act_mul_halves",
       {{"act", Kind::kText}, {"x", Kind::kValue}, {"interleaved", Kind::kFlag, kOptional}}},
      {"add", {{"x", Kind::kValue}, {"y", Kind::kValue}}},
      {"mul", {{"x", Kind::kValue}, {"y", Kind::kValue}}},
      {"chunk",
       {{"x", Kind::kValue}, {"axis", Kind::kInteger}, {"sizes", Kind::kIntegers, kOptional}},
       nullptr,
       0},
      {"concat", {{"xs", Kind::kValues}, {"axis", Kind::kInteger}}},
      {"reshape", {{"x", Kind::kValue}, {"shape", Kind::kIntegers}}},
      {"transpose", {{"x", Kind::kValue}, {"axes", Kind::kIntegers}}},
      {"rope",
       {{"x", Kind::kValue},
        {"theta", Kind::kReal},
        {"interleaved", Kind::kFlag, kOptional},
        {"rotary_dim", Kind::kInteger, kOptional}}},
      {"attention",
       {{"q", Kind::kValue},
        {"k", Kind::kValue},
        {"v", Kind::kValue},
        {"scale", Kind::kReal, kOptional},
        {"causal", Kind::kFlag, kOptional},
        {"window", Kind::kInteger, kOptional}}},
      {"route",
       {{"logits", Kind::kValue},
        {"correction", Kind::kWeight, kOptional},
        {"k", Kind::kInteger},
        {"scoring", Kind::kText, kOptional},
        {"normalise", Kind::kFlag, kOptional},
        {"groups", Kind::kInteger, kOptional},
        {"groups_kept", Kind::kInteger, kOptional},
        {"group_top2", Kind::kFlag, kOptional},
        {"scale", Kind::kReal, kOptional}},
       nullptr,
       2},
      {"experts",
       {{"x", Kind::kValue},
        {"indices", Kind::kValue},
        {"weights", Kind::kValue},
        {"gate", Kind::kWeights, kOptional},
        {"up", Kind::kWeights},
        {"down", Kind::kWeights},
        {"act", Kind::kText}}},
      {"grouped_experts",
       {{"x", Kind::kValue},
        {"indices", Kind::kValue},
        {"weights", Kind::kValue},
        {"gate_up", Kind::kWeight, kOptional},
        {"gate", Kind::kWeight, kOptional},
        {"up", Kind::kWeight, kOptional},
        {"down", Kind::kWeight},
        {"act", Kind::kText},
        {"interleaved", Kind::kFlag, kOptional},
        {"transposed", Kind::kFlag, kOptional}}},
      {"qkv_linear",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight},
        {"bias", Kind::kWeight, kOptional},
        {"heads", Kind::kInteger},
        {"kv_heads", Kind::kInteger},
        {"head_dim", Kind::kInteger},
        {"theta", Kind::kReal, kOptional},
        {"interleaved", Kind::kFlag, kOptional},
        {"rotary_dim", Kind::kInteger, kOptional}},
       qkv_linear,
       3},
      {"gated_mlp",
       {{"x", Kind::kValue},
        {"gate_up", Kind::kWeight},
        {"gate_up_bias", Kind::kWeight, kOptional},
        {"down", Kind::kWeight},
        {"down_bias", Kind::kWeight, kOptional},
        {"act", Kind::kText},
        {"interleaved", Kind::kFlag, kOptional}},
       gated_mlp},
      {"rms_norm_linear",
       {{"x", Kind::kValue},
        {"norm", Kind::kWeight, kOptional},
        {"weight", Kind::kWeight},
        {"bias", Kind::kWeight, kOptional},
        {"epsilon", Kind::kReal},
        {"offset", Kind::kReal, kOptional}},
       rms_norm_linear},
      {"rms_norm_mlp",
       {{"x", Kind::kValue},
        {"norm", Kind::kWeight, kOptional},
        {"gate_up", Kind::kWeight, kOptional},
        {"gate_up_bias", Kind::kWeight, kOptional},
        {"gate", Kind::kWeight, kOptional},
        {"up", Kind::kWeight, kOptional},
        {"down", Kind::kWeight},
        {"down_bias", Kind::kWeight, kOptional},
        {"act", Kind::kText},
        {"epsilon", Kind::kReal},
        {"offset", Kind::kReal, kOptional},
        {"interleaved", Kind::kFlag, kOptional}},
       rms_norm_mlp},
      {"patch_linear",
       {{"x", Kind::kValue},
        {"weight", Kind::kWeight},
        {"bias", Kind::kWeight, kOptional},
        {"patch", Kind::kIntegers}},
       patch_linear},
  };
  return all;
}

}  // namespace

const ModuleOperation* find_operation(std::string_view name) {
  const auto found =
      std::find_if(table().begin(), table().end(), [&](const ModuleOperation& o) { return o.name == name; });
  return found == table().end() ? nullptr : &*found;
}

std::vector<std::string> module_operation_names() {
  std::vector<std::string> out;
  for (const auto& operation : table()) out.emplace_back(operation.name);
  return out;
}

}  // namespace tenon
