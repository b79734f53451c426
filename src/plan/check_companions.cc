#include "plan/check_companions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/text.h"
#include "checkpoint/kept.h"
#include "plan/companions.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// Those that keep a weight's rows and columns in their order, with scales beside it, so that rules which move
// the weight can move its scales in the same way.
constexpr std::array<std::string_view, 7> kKnownMethods = {
    "fp8", "fbgemm_fp8", "compressed-tensors", "modelopt", "modelopt_fp4", "mlx", "fp4"};

bool is_integer(DType dtype) {
  return dtype == DType::kU8 || dtype == DType::kI8 || dtype == DType::kI32 || dtype == DType::kU32 ||
         dtype == DType::kI16 || dtype == DType::kU16 || dtype == DType::kI64;
}

// Codes, maps and indices that no rule of the library has a place for, whatever config.json says.
bool is_foreign(const Companion& companion) {
  return companion.suffix == "qweight" || companion.suffix == "qzeros" || companion.suffix == "g_idx" ||
         companion.suffix == "SCB" || companion.kind == CompanionKind::kState;
}

std::string rest_below(const std::string& key, const std::string& module) {
  return key.substr(module.size() + 1);
}

bool is_below(const std::string& key, const std::string& module) {
  return key.size() > module.size() && key.starts_with(module) && key[module.size()] == '.';
}

}  // namespace

const Json* quantisation_of(const Json& config, std::string* path) {
  for (const char* const part : {"", "text_config", "language_config", "llm_config"}) {
    const Json* node = &config;
    if (*part != '\0') {
      const auto found = config.find(part);
      if (found == config.end() || !found->is_object()) continue;
      node = &*found;
    }
    for (const char* const name : {"quantization_config", "compression_config", "quantization"}) {
      const auto found = node->find(name);
      if (found == node->end() || !found->is_object()) continue;
      if (path != nullptr) *path = *part == '\0' ? name : fmt::format("{}.{}", part, name);
      return &*found;
    }
  }
  return nullptr;
}

std::string quantisation_method(const Json& config) {
  const Json* const found = quantisation_of(config, nullptr);
  if (found == nullptr) return "";
  for (const char* const name : {"quant_method", "quant_algo", "method"}) {
    const auto method = found->find(name);
    if (method != found->end() && method->is_string()) return method->get<std::string>();
  }
  if (found->value("load_in_4bit", false) || found->value("load_in_8bit", false)) return "bitsandbytes";
  return found->contains("group_size") && found->contains("bits") ? "mlx" : "unnamed";
}

std::vector<std::int64_t> weight_block_size(const Json& config) {
  const Json* const found = quantisation_of(config, nullptr);
  if (found == nullptr) return {};
  const auto size = found->find("weight_block_size");
  if (size == found->end() || !size->is_array()) return {};
  std::vector<std::int64_t> out;
  for (const Json& extent : *size) {
    if (!extent.is_number_integer() || extent.get<std::int64_t>() <= 0) return {};
    out.push_back(extent.get<std::int64_t>());
  }
  return out;
}

void check_quantisation(const Checkpoint& checkpoint, const RuleSet& rules, Diagnostics& diagnostics) {
  const std::string method = quantisation_method(checkpoint.config);
  const bool known =
      method.empty() || std::find(kKnownMethods.begin(), kKnownMethods.end(), method) != kKnownMethods.end();
  std::vector<Transform> library;
  for (const auto& t : rules.transforms) {
    const bool decodes = std::any_of(t.operations.begin(), t.operations.end(),
                                     [](const Operation& o) { return o->value_step() != nullptr; });
    if (t.from_library && !decodes) library.push_back(t);
  }
  const FusedKeys fused_keys(rules.fused_keys, rules.base_model_prefix);
  KeyMapper mapper(library, true, fused_keys);
  std::unordered_map<std::string, bool> asked;
  for (const Tensor& tensor : checkpoint.tensors) {
    const auto companion = companion_of(tensor.key);
    if (!companion) continue;
    const bool quantised = is_of_quantisation(companion->kind) ||
                           (companion->kind == CompanionKind::kWeight && is_integer(tensor.dtype));
    if (!quantised || (known && !is_foreign(*companion))) continue;
    if (!asked.try_emplace(companion->module, true).second) continue;
    const MappedKey mapped = mapper.map(companion->module + ".weight");
    if (mapped.converter < 0) continue;
    const std::string codes = companion->module + ".qweight";
    const std::string& first = checkpoint.find(codes) != nullptr ? codes : tensor.key;
    diagnostics.add(
        {Severity::kError,
         "quantisation-unknown"_id,
         {checkpoint.directory.string(), 0, 0, {}, first, ""},
         fmt::format(
             "this module is quantised by {}, which the rules do not know: {} takes its weight and has "
             "no place for what belongs to it",
             method.empty() ? "a method that config.json does not name"
                            : fmt::format("'{}' (quantization_config)", method),
             describe(library[static_cast<std::size_t>(mapped.converter)])),
         "Convert the checkpoint before it is quantised, or name rules of your own that take all tensors of "
         "such a module (--rules FILE.yaml). The library's rules know fp8, compressed-tensors and "
         "modelopt."});
    return;
  }
}

void check_weights_are_there(const Checkpoint& checkpoint, const RuleSet& rules,
                             const std::vector<Transform>& transforms, bool to_fused,
                             Diagnostics& diagnostics) {
  std::vector<std::string> alone;
  std::optional<KeyMapper> own;
  const FusedKeys fused_keys(rules.fused_keys, rules.base_model_prefix);
  // Rules that change values say by themselves what they need.
  const auto is_asked_for = [&](const std::string& key) {
    if (!own) own.emplace(transforms, to_fused, fused_keys);
    const int converter = own->map(key).converter;
    if (converter < 0) return false;
    const auto& operations = transforms[static_cast<std::size_t>(converter)].operations;
    return std::any_of(operations.begin(), operations.end(),
                       [](const Operation& o) { return o->value_step() != nullptr; });
  };
  for (const Tensor& tensor : checkpoint.tensors) {
    if (is_kept(tensor.key)) continue;
    const auto companion = companion_of(tensor.key);
    if (!companion || !companion->suffix.starts_with("weight_") || !is_of_quantisation(companion->kind) ||
        companion->kind == CompanionKind::kCodes)
      continue;
    const auto has = [&](const char* suffix) {
      return checkpoint.find(companion->module + suffix) != nullptr;
    };
    if (!has(".weight") && !has(".weight_packed") && !has(".qweight") && !has(".weight_blocks") &&
        !is_asked_for(tensor.key))
      alone.push_back(tensor.key);
  }
  if (alone.empty()) return;
  const auto first = companion_of(alone.front());
  diagnostics.add(
      {Severity::kError,
       "companion-weight-missing"_id,
       {checkpoint.directory.string(), 0, 0, {}, alone.front(), ""},
       fmt::format("the weight that this belongs to is missing: neither {0}.weight nor "
                   "{0}.weight_packed is there{1}",
                   first->module,
                   alone.size() == 1 ? "" : fmt::format(", and so for {} more", alone.size() - 1)),
       "The checkpoint is incomplete, or its index names only a part of it."});
}

namespace {

struct Left {
  std::string weight;
  std::string key;
  std::size_t count = 0;
};

// Groups what a module holds itself; what the modules within it hold is theirs.
class LeftBehind {
 public:
  LeftBehind(const std::vector<NamedView>& inputs, const Conversion& conversion,
             const std::vector<bool>* outside)
      : inputs_(inputs), conversion_(conversion), outputs_of_(inputs.size()) {
    for (std::uint32_t o = 0; o < conversion.outputs.size(); ++o) {
      for (const std::uint32_t i : conversion.outputs[o].inputs) outputs_of_[i].push_back(o);
    }
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      if (outside != nullptr && (*outside)[i]) continue;  // another model's, maybe of the same name
      const std::string& key = inputs[i].key;
      const std::size_t state = key.find(".weight.");
      const std::size_t dot = state == std::string::npos ? key.rfind('.') : state;
      if (dot != std::string::npos) below_[key.substr(0, dot)].push_back(i);
    }
  }

  std::map<std::pair<int, std::string>, Left> find() {
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      const auto weight = companion_of(inputs_[i].key);
      if (weight && (weight->kind == CompanionKind::kWeight || weight->kind == CompanionKind::kCodes))
        look_below(i, *weight);
    }
    return std::move(found_);
  }

 private:
  void look_below(std::uint32_t weight, const Companion& is) {
    if (inputs_[weight].key == conversion_.key_of[weight] && conversion_.converter_of[weight] < 0) return;
    const auto below = below_.find(is.module);
    if (below == below_.end()) return;
    for (const std::uint32_t other : below->second) {
      if (other == weight || conversion_.converter_of[other] >= 0) continue;
      const std::string rest = rest_below(inputs_[other].key, is.module);
      if (!(stays(weight, is, other, rest) || stays_while_rows_move(weight, other))) continue;
      Left& left = found_[{conversion_.converter_of[weight], rest}];
      if (left.count++ > 0) continue;
      left.weight = inputs_[weight].key;
      left.key = inputs_[other].key;
    }
  }

  // Has the weight gone from the module in which the other one stays?
  bool stays(std::uint32_t weight, const Companion& is, std::uint32_t other, const std::string& rest) const {
    const std::string& after = conversion_.key_of[other];
    if (!after.ends_with("." + rest)) return false;  // renamed by itself: somebody thought of it
    const std::string module = after.substr(0, after.size() - rest.size() - 1);
    if (conversion_.converter_of[weight] < 0) {
      return module == is.module && !is_below(conversion_.key_of[weight], module);
    }
    return std::none_of(outputs_of_[weight].begin(), outputs_of_[weight].end(),
                        [&](std::uint32_t o) { return is_below(conversion_.outputs[o].key, module); });
  }

  // A scale with more than one element follows the weight's rows, also where the weight keeps its name.
  bool stays_while_rows_move(std::uint32_t weight, std::uint32_t other) const {
    if (conversion_.converter_of[weight] < 0) return false;
    const auto companion = companion_of(inputs_[other].key);
    if (!companion || !follows_rows(companion->kind)) return false;
    const Shape& shape = inputs_[other].view.shape;
    return std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent > 1; });
  }

  const std::vector<NamedView>& inputs_;
  const Conversion& conversion_;
  std::vector<std::vector<std::uint32_t>> outputs_of_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> below_;
  std::map<std::pair<int, std::string>, Left> found_;  // by converter and what stands below the module
};

}  // namespace

void check_left_behind(const std::vector<NamedView>& inputs, const Conversion& conversion,
                       const ConversionRequest& request, bool allowed, Diagnostics& diagnostics) {
  for (const auto& [by, left] : LeftBehind(inputs, conversion, request.outside).find()) {
    const std::string who =
        by.first < 0 ? "a renaming" : describe(request.transforms[static_cast<std::size_t>(by.first)]);
    diagnostics.add({allowed ? Severity::kWarning : Severity::kError,
                     "companion-left-behind"_id,
                     {"", 0, 0, {}, left.key, ""},
                     fmt::format("stays behind: {} takes {}, to which it belongs{}", who, left.weight,
                                 left.count == 1 ? "" : fmt::format(", and so for {} more", left.count - 1)),
                     allowed ? ""
                             : "Rules that take the one take the other as well (`\\.(weight|bias)$`); "
                               "--allow-left-behind leaves it where it is."});
  }
}

}  // namespace tenon
