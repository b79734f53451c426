#include "plan/coded_weights.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "plan/check_companions.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// One config_groups entry's weights, where all groups say the same.
Json weights_of_groups(const Json& quantization) {
  const auto groups = quantization.find("config_groups");
  Json out = Json::object();
  if (groups == quantization.end() || !groups->is_object()) return out;
  for (const auto& group : *groups) {
    const auto weights = group.is_object() ? group.find("weights") : group.end();
    if (!group.is_object() || weights == group.end() || !weights->is_object()) continue;
    if (!out.empty() && out != *weights) return Json::object();
    out = *weights;
  }
  return out;
}

std::string word_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

class CodedWeightFinder {
 public:
  explicit CodedWeightFinder(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {
    const Json* const found = quantisation_of(checkpoint.config, nullptr);
    if (found != nullptr) quantization_ = *found;
    weights_ = weights_of_groups(quantization_);
  }

  std::vector<CodedWeight> find() {
    for (std::uint32_t i = 0; i < checkpoint_.tensors.size(); ++i) {
      if (auto weight = coded(i)) out_.push_back(std::move(*weight));
    }
    diagnostics_.throw_if_errors();
    return std::move(out_);
  }

 private:
  std::optional<CodedWeight> coded(std::uint32_t i) {
    const Tensor& tensor = checkpoint_.tensors[i];
    for (const char* const codes : {"weight_packed", "qweight", "weight"}) {
      const std::string ending = std::string(".") + codes;
      if (!tensor.key.ends_with(ending)) continue;
      CodedWeight out{i, tensor.key.substr(0, tensor.key.size() - ending.size()), ".", {codes}, {}};
      return complete(out, tensor);
    }
    constexpr std::string_view kBlocks = "_blocks";
    if (!tensor.key.ends_with(kBlocks)) return std::nullopt;
    CodedWeight out{i, tensor.key.substr(0, tensor.key.size() - kBlocks.size()), "_", {"blocks"}, {}};
    if (tensor.dtype != DType::kU8 || !take(out, "scales")) return std::nullopt;
    out.operation = {{"Mxfp4Dequantize", Json::object()}};
    return out;
  }

  const Tensor* beside(const CodedWeight& weight, const std::string& role) const {
    return checkpoint_.find(weight.stem + weight.between + role);
  }

  bool take(CodedWeight& weight, const std::string& role) const {
    if (beside(weight, role) == nullptr) return false;
    weight.roles.push_back(role);
    return true;
  }

  std::optional<CodedWeight> complete(CodedWeight& out, const Tensor& codes) {
    const std::string& role = out.roles.front();
    if (role == "qweight") return by_words(out, codes);
    const bool is_byte = codes.dtype == DType::kU8;
    if (role == "weight_packed") {
      if (!take(out, "weight_scale")) return std::nullopt;
      const Tensor& scale = *beside(out, "weight_scale");
      if (is_byte && take(out, "weight_global_scale")) {
        out.operation = {{"NVFP4Dequantize", {{"style", "compressed-tensors"}}}};
      } else if (is_byte) {
        out.operation = {{"PackedMxfp4Dequantize", Json::object()}};
      } else {
        return packed(out, codes, scale);
      }
      return out;
    }
    if (take(out, "weight_scale_inv")) return by_blocks(out, codes);
    if (is_byte && beside(out, "weight_scale_2") != nullptr && take(out, "weight_scale")) {
      take(out, "weight_scale_2");
      out.operation = {{"NVFP4Dequantize", {{"style", "modelopt"}}}};
      return out;
    }
    const bool scaled = codes.dtype == DType::kF8E4M3 || codes.dtype == DType::kI8;
    if (scaled && take(out, "weight_scale")) return by_scale(out, codes, *beside(out, "weight_scale"));
    if (codes.dtype == DType::kU32 && beside(out, "scales") != nullptr) return metal(out);
    return std::nullopt;
  }

  std::optional<CodedWeight> by_blocks(CodedWeight& out, const Tensor& codes) {
    if (codes.dtype != DType::kF8E4M3 && codes.dtype != DType::kF8E5M2 && codes.dtype != DType::kI8)
      return std::nullopt;
    Json parameters = Json::object();
    const Tensor& scale = *beside(out, "weight_scale_inv");
    const bool one = element_count(scale.shape) == 1U && scale.shape.size() < 2;
    const auto block = quantization_.find("weight_block_size");
    if (block != quantization_.end() && block->is_array()) {
      parameters["block_size"] = *block;
    } else if (!one) {
      lacks(codes, "weight_block_size");
      return std::nullopt;
    }
    out.operation = {{"Fp8Dequantize", std::move(parameters)}};
    return out;
  }

  std::optional<CodedWeight> by_scale(CodedWeight& out, const Tensor& codes, const Tensor& scale) {
    Json parameters = {{"type", codes.dtype == DType::kF8E4M3 ? "float" : "int"}};
    const Shape& w = codes.shape;
    const Shape& s = scale.shape;
    if (w.size() != 2) return std::nullopt;
    const auto block = weights_.find("block_structure");
    if (element_count(s) == 1U && s.size() < 2) {
      parameters["strategy"] = "tensor";
    } else if (s == Shape{w[0], 1}) {
      parameters["strategy"] = "channel";
    } else if (block != weights_.end() && block->is_array() && word_at(weights_, "strategy") == "block") {
      parameters["strategy"] = "block";
      parameters["block_structure"] = *block;
    } else if (s.size() == 2 && s[0] == w[0] && s[1] > 0 && w[1] % s[1] == 0) {
      parameters["strategy"] = "group";
      parameters["group_size"] = w[1] / s[1];
    } else {
      lacks(codes, "config_groups");
      return std::nullopt;
    }
    if (take(out, "weight_zero_point")) parameters["symmetric"] = false;
    out.operation = {{"ScaleDequantize", std::move(parameters)}};
    return out;
  }

  std::optional<CodedWeight> packed(CodedWeight& out, const Tensor& codes, const Tensor& scale) {
    const auto bits = weights_.find("num_bits");
    if (bits == weights_.end() || !bits->is_number_integer()) {
      lacks(codes, "config_groups");
      return std::nullopt;
    }
    Json parameters = {{"num_bits", *bits}};
    const auto group = weights_.find("group_size");
    if (scale.shape.size() == 2 && scale.shape[1] == 1) {
      parameters["strategy"] = "channel";
    } else if (group != weights_.end() && group->is_number_integer()) {
      parameters["strategy"] = "group";
      parameters["group_size"] = *group;
    } else {
      lacks(codes, "config_groups");
      return std::nullopt;
    }
    take(out, "weight_shape");
    parameters["symmetric"] = !take(out, "weight_zero_point");
    out.operation = {{"PackedDequantize", std::move(parameters)}};
    return out;
  }

  std::optional<CodedWeight> by_words(CodedWeight& out, const Tensor& codes) {
    if (!take(out, "scales")) return std::nullopt;
    const std::string method = word_at(quantization_, "quant_method");
    const auto bits = quantization_.find("bits");
    const auto group = quantization_.find("group_size");
    const bool known = group != quantization_.end() && group->is_number_integer();
    Json parameters = Json::object();
    if (known) parameters["group_size"] = *group;
    const bool zeros = take(out, "qzeros");
    if (known && method == "awq") {
      if (!zeros) parameters["zero_point"] = false;
      out.operation = {{"AwqDequantize", std::move(parameters)}};
      out.repacked_by = "AwqToPacked";
      return out;
    }
    if (known && method == "gptq" && bits != quantization_.end() && bits->is_number_integer()) {
      take(out, "g_idx");
      parameters["num_bits"] = *bits;
      parameters["format"] = word_at(quantization_, "checkpoint_format") == "gptq_v2" ? "gptq_v2" : "gptq";
      out.operation = {{"GptqDequantize", std::move(parameters)}};
      out.repacked_by = "GptqToPacked";
      return out;
    }
    lacks(codes, "quant_method, bits and group_size");
    return std::nullopt;
  }

  std::optional<CodedWeight> metal(CodedWeight& out) {
    take(out, "scales");
    const char* const biases = beside(out, "biases") != nullptr ? "biases" : "qbiases";
    const auto bits = quantization_.find("bits");
    const auto group = quantization_.find("group_size");
    const bool known = bits != quantization_.end() && group != quantization_.end();
    if (!known || !take(out, biases)) return std::nullopt;
    out.operation = {{"MetalDequantize", {{"bits", *bits}, {"group_size", *group}, {"bias_name", biases}}}};
    return out;
  }

  void lacks(const Tensor& tensor, const char* what) {
    diagnostics_.add_once(
        what, {Severity::kError,
               "value-parameter"_id,
               {checkpoint_.directory.string(), 0, 0, {}, tensor.key, ""},
               fmt::format("{} is coded, and quantization_config in config.json does not say by {}",
                           header_of(tensor.dtype, tensor.shape), what),
               "Fetch config.json from where the weights came from, or write a rule file.",
               {},
               {}});
  }

  const Checkpoint& checkpoint_;
  Json quantization_ = Json::object();
  Json weights_ = Json::object();
  Diagnostics diagnostics_;
  std::vector<CodedWeight> out_;
};

}  // namespace

std::vector<CodedWeight> coded_weights(const Checkpoint& checkpoint) {
  return CodedWeightFinder(checkpoint).find();
}

}  // namespace tenon
