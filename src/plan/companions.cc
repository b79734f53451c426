#include "plan/companions.h"

#include <array>
#include <utility>

namespace tenon {
namespace {

struct Suffix {
  std::string_view name;
  CompanionKind kind;
};

// The names of FP8 (DeepSeek, fbgemm), compressed-tensors, ModelOpt, GPTQ, AWQ, MLX, MXFP4 and bitsandbytes.
constexpr std::array<Suffix, 40> kSuffixes = {{
    {"weight", CompanionKind::kWeight},
    {"weight_packed", CompanionKind::kCodes},
    {"qweight", CompanionKind::kCodes},
    {"weight_blocks", CompanionKind::kCodes},
    {"blocks", CompanionKind::kCodes},
    {"weight_scale", CompanionKind::kScale},
    {"weight_scale_inv", CompanionKind::kScale},
    {"weight_scale_inv2", CompanionKind::kScale},
    {"weight_scales", CompanionKind::kScale},
    {"scale", CompanionKind::kScale},
    {"scale_inv", CompanionKind::kScale},
    {"scales", CompanionKind::kScale},
    {"biases", CompanionKind::kScale},
    {"weight_scale_2", CompanionKind::kTensorScale},
    {"weight_global_scale", CompanionKind::kTensorScale},
    {"input_scale", CompanionKind::kTensorScale},
    {"input_scale_inv", CompanionKind::kTensorScale},
    {"input_global_scale", CompanionKind::kTensorScale},
    {"input_amax", CompanionKind::kTensorScale},
    {"weight_amax", CompanionKind::kTensorScale},
    {"output_scale", CompanionKind::kTensorScale},
    {"activation_scale", CompanionKind::kTensorScale},
    {"act_scale", CompanionKind::kTensorScale},
    {"weight_zero_point", CompanionKind::kZeroPoint},
    {"input_zero_point", CompanionKind::kTensorScale},
    {"qzeros", CompanionKind::kZeroPoint},
    {"zeros", CompanionKind::kZeroPoint},
    {"zero_point", CompanionKind::kZeroPoint},
    {"bias", CompanionKind::kBias},
    {"weight_shape", CompanionKind::kShape},
    {"g_idx", CompanionKind::kIndex},
    {"weight_g_idx", CompanionKind::kIndex},
    {"perm", CompanionKind::kIndex},
    {"SCB", CompanionKind::kScale},
    {"weight_format", CompanionKind::kState},
    {"absmax", CompanionKind::kState},
    {"quant_map", CompanionKind::kState},
    {"nested_absmax", CompanionKind::kState},
    {"nested_quant_map", CompanionKind::kState},
    {"quant_state", CompanionKind::kState},
}};

std::optional<CompanionKind> kind_of(std::string_view suffix) {
  for (const auto& [name, kind] : kSuffixes) {
    if (name == suffix) return kind;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Companion> companion_of(std::string_view key) {
  // A quantiser's state lies below the weight's own name: X.weight.quant_state.bitsandbytes__nf4.
  if (const std::size_t at = key.find(".weight."); at != std::string_view::npos) {
    std::string_view below = key.substr(at + 8);
    below = below.substr(0, below.find('.'));
    if (const auto kind = kind_of(below); kind == CompanionKind::kState)
      return Companion{std::string(key.substr(0, at)), std::string(key.substr(at + 1)), *kind};
  }
  const std::size_t dot = key.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view suffix = key.substr(dot + 1);
  const auto kind = kind_of(suffix);
  if (!kind || (*kind == CompanionKind::kState && suffix != "weight_format")) return std::nullopt;
  return Companion{std::string(key.substr(0, dot)), std::string(suffix), *kind};
}

std::optional<Companion> stacked_companion_of(std::string_view key) {
  const std::size_t last = key.rfind('.');
  const std::size_t from = last == std::string_view::npos ? 0 : last + 1;
  // The longest suffix: `down_proj_weight_scale` is of down_proj, `down_proj_scale` as well.
  for (std::size_t at = key.find('_', from); at != std::string_view::npos; at = key.find('_', at + 1)) {
    const std::string_view rest = key.substr(at + 1);
    if (at == from || rest.empty() || rest == "weight") continue;
    auto kind = kind_of(rest);
    if (!kind) kind = kind_of("weight_" + std::string(rest));
    if (kind) return Companion{std::string(key.substr(0, at)), std::string(rest), *kind};
  }
  return std::nullopt;
}

bool is_of_quantisation(CompanionKind kind) {
  return kind != CompanionKind::kWeight && kind != CompanionKind::kBias;
}

bool describes(CompanionKind kind) {
  return kind == CompanionKind::kShape || kind == CompanionKind::kIndex || kind == CompanionKind::kState;
}

bool follows_rows(CompanionKind kind) {
  return kind == CompanionKind::kScale || kind == CompanionKind::kZeroPoint;
}

}  // namespace tenon
