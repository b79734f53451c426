#include "plan/coding_formats.h"

#include <stdexcept>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

Json compressed(const char* format, Json weights, Json activations) {
  Json group = {{"targets", {"Linear"}}, {"weights", std::move(weights)}};
  if (!activations.is_null()) group["input_activations"] = std::move(activations);
  return {{"quant_method", "compressed-tensors"},
          {"format", format},
          {"quantization_status", "compressed"},
          {"config_groups", {{"group_0", std::move(group)}}}};
}

}  // namespace

Json packed_integers_config(std::int64_t num_bits, std::int64_t group_size, bool symmetric) {
  Json weights = {
      {"num_bits", num_bits}, {"type", "int"}, {"strategy", group_size < 1 ? "channel" : "group"}};
  if (group_size >= 1) weights["group_size"] = group_size;
  weights["symmetric"] = symmetric;
  weights["dynamic"] = false;
  return compressed("pack-quantized", std::move(weights), nullptr);
}

CodingFormat coding_format(const std::string& name) {
  if (name == "fp8-block")
    return {{{"Fp8Quantize", {{"block_size", {128, 128}}}}},
            {"weight", "weight_scale_inv"},
            1,
            {{"quant_method", "fp8"},
             {"fmt", "e4m3"},
             {"activation_scheme", "dynamic"},
             {"weight_block_size", {128, 128}}}};
  if (name == "fp8-channel")
    return {{{"ScaleQuantize", {{"type", "float"}, {"strategy", "channel"}}}},
            {"weight", "weight_scale"},
            1,
            compressed("float-quantized",
                       {{"num_bits", 8},
                        {"type", "float"},
                        {"strategy", "channel"},
                        {"symmetric", true},
                        {"dynamic", false}},
                       {{"num_bits", 8},
                        {"type", "float"},
                        {"strategy", "token"},
                        {"symmetric", true},
                        {"dynamic", true}})};
  if (name == "mxfp4")
    return {{{"PackedMxfp4Quantize", Json::object()}},
            {"weight_packed", "weight_scale"},
            32,
            compressed("mxfp4-pack-quantized",
                       {{"num_bits", 4},
                        {"type", "float"},
                        {"strategy", "group"},
                        {"group_size", 32},
                        {"symmetric", true},
                        {"dynamic", false},
                        {"scale_dtype", "torch.uint8"}},
                       nullptr)};
  if (name == "nvfp4")
    return {{{"NVFP4Quantize", {{"style", "compressed-tensors"}}}},
            {"weight_packed", "weight_scale", "weight_global_scale"},
            16,
            compressed("nvfp4-pack-quantized",
                       {{"num_bits", 4},
                        {"type", "float"},
                        {"strategy", "tensor_group"},
                        {"group_size", 16},
                        {"symmetric", true},
                        {"dynamic", false}},
                       nullptr)};
  if (name == "int4-g128")
    return {{{"PackedQuantize",
              {{"num_bits", 4}, {"strategy", "group"}, {"group_size", 128}, {"symmetric", true}}}},
            {"weight_packed", "weight_scale", "weight_shape"},
            128,
            packed_integers_config(4, 128, true)};
  throw std::logic_error("no format of that name");
}

}  // namespace tenon
