#include "adapters/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/diagnostics.h"
#include "rules/pattern.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// Settings by which a pair means something else than scale * B A at its module.
constexpr std::array kUnknownSettings = {
    "layer_replication",       "use_qalora",       "use_bdlora", "arrow_config",
    "trainable_token_indices", "monteclora_config"};

bool says_nothing(const Json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         ((value.is_array() || value.is_object()) && value.empty());
}

bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
}

// re.match(rf"(.*\.)?({key})$", module), as PEFT does it.
bool is_matched_by(const std::string& module, const std::string& key, const std::string& file) {
  if (is_plain(key)) return is_named_by(module, key);
  const std::string begin =
      key.starts_with('^') ? "^(?:" + key.substr(1) + ")$" : "^(?:.*\\.)?(?:" + key + ")$";
  return Pattern({begin}, {file, 0, 0, {}, "", ""}).search(module).has_value();
}

const Json* pattern_value(const Json& config, const char* name, const std::string& module,
                          const std::string& file) {
  const auto patterns = config.find(name);
  if (patterns == config.end() || !patterns->is_object()) return nullptr;
  for (const auto& [key, value] : patterns->items()) {
    if (value.is_number() && is_matched_by(module, key, file)) return &value;
  }
  return nullptr;
}

}  // namespace

AdapterConfig::AdapterConfig(Json json, std::string file) : json_(std::move(json)), file_(std::move(file)) {
  Diagnostics diagnostics;
  const auto place = [&](const char* inside) { return Place{file_, 0, 0, {}, inside, ""}; };
  const auto type = json_.find("peft_type");
  if (type == json_.end() || *type != "LORA") {
    diagnostics.error(
        "adapter-unknown-type"_id, place("/peft_type"),
        fmt::format("peft_type {} is not known", type == json_.end() ? "(absent)" : type->dump()),
        "Only LORA adapters go by the rules of their base. Merge this one into its base with PEFT, and "
        "convert "
        "the result.");
    diagnostics.throw_if_errors();
  }
  for (const char* const name : kUnknownSettings) {
    const auto found = json_.find(name);
    if (found == json_.end() || says_nothing(*found)) continue;
    diagnostics.error(
        "adapter-unknown-setting"_id, place(name),
        fmt::format("{} changes what a pair computes, in a way that is not carried along", name),
        "Merge the adapter into its base with PEFT, and convert the result.");
  }
  const auto is_count = [](const Json& value) {
    return value.is_number_integer() && value.get<std::int64_t>() > 0 &&
           value.get<std::int64_t>() < (1 << 20);
  };
  if (!json_.contains("r") || !is_count(json_["r"]))
    diagnostics.error("adapter-malformed"_id, place("/r"), "is no rank: a whole number above 0");
  if (json_.contains("lora_alpha") && !json_["lora_alpha"].is_number())
    diagnostics.error("adapter-malformed"_id, place("/lora_alpha"), "is no number");
  if (json_.contains("rank_pattern") && json_["rank_pattern"].is_object()) {
    for (const auto& [key, value] : json_["rank_pattern"].items()) {
      if (!is_count(value))
        diagnostics.error("adapter-malformed"_id, place("/rank_pattern"),
                          fmt::format("'{}' has no rank: a whole number above 0", key));
    }
  }
  diagnostics.throw_if_errors();
}

std::int64_t AdapterConfig::rank_of(const std::string& module) const {
  const Json* const found = pattern_value(json_, "rank_pattern", module, file_);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>()
                                                        : json_.at("r").get<std::int64_t>();
}

// PEFT's own default is 8.
double AdapterConfig::alpha_of(const std::string& module) const {
  if (const Json* const found = pattern_value(json_, "alpha_pattern", module, file_))
    return found->get<double>();
  return json_.contains("lora_alpha") ? json_.at("lora_alpha").get<double>() : 8.0;
}

bool AdapterConfig::is_set(const char* flag) const {
  const auto found = json_.find(flag);
  return found != json_.end() && found->is_boolean() && found->get<bool>();
}

std::vector<std::string> AdapterConfig::list(const char* name) const {
  std::vector<std::string> out;
  const auto found = json_.find(name);
  if (found == json_.end() || !found->is_array()) return out;
  for (const auto& entry : *found) {
    if (entry.is_string()) out.push_back(entry.get<std::string>());
  }
  return out;
}

std::string module_of(const LoraPair& pair) {
  constexpr std::string_view kWeight = ".weight";
  const bool is_weight = pair.form != PairForm::kParameter && pair.key.ends_with(kWeight);
  return is_weight ? pair.key.substr(0, pair.key.size() - kWeight.size()) : pair.key;
}

std::string parent_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::string last_parts(const std::string& name, std::size_t count) {
  std::size_t at = name.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t dot = at == 0 ? std::string::npos : name.rfind('.', at - 1);
    if (dot == std::string::npos) return name;
    at = dot;
  }
  return name.substr(at + 1);
}

bool is_named_by(const std::string& name, const std::string& entry) {
  if (name == entry) return true;
  return !entry.empty() && name.size() > entry.size() && name.ends_with(entry) &&
         name[name.size() - entry.size() - 1] == '.';
}

}  // namespace tenon
