#include "plan/check_foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include "base/text.h"
#include "checkpoint/file.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// Words that tensors of any model may have.
constexpr std::array<std::string_view, 16> kCommonWords = {
    "weight", "layers", "layer",  "model",    "encoder",   "decoder", "attention",   "embeddings",
    "output", "dense",  "blocks", "backbone", "embedding", "hidden",  "transformer", "language_model"};
constexpr std::size_t kLeastLetters = 4;
constexpr std::size_t kLeastWords = 3;  // with fewer the rules do not say what the model looks like

// The words of a pattern: "mlp.experts.*.gate_proj.weight" has experts and gate_proj.
void collect_words(const std::string& pattern, std::set<std::string>& out) {
  std::string word;
  const auto finish = [&] {
    const bool common =
        std::find(kCommonWords.begin(), kCommonWords.end(), word) != kCommonWords.end() ||
        std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (word.size() >= kLeastLetters && !common) out.insert(word);
    word.clear();
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto c = static_cast<unsigned char>(pattern[i]);
    if (c == '\\') {
      finish();
      if (i + 1 < pattern.size() && std::isalnum(static_cast<unsigned char>(pattern[i + 1])) != 0) ++i;
    } else if (std::isalnum(c) != 0 || c == '_') {
      word += pattern[i];
    } else {
      finish();
    }
  }
  finish();
}

bool has_word(const Checkpoint& checkpoint, const std::string& word) {
  return std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                     [&](const Tensor& t) { return t.key.find(word) != std::string::npos; });
}

const Json& text_part(const Json& config) {
  const auto text = config.find("text_config");
  return text != config.end() && text->is_object() ? *text : config;
}

std::int64_t number_in(const Json& config, const char* name) {
  const auto found = config.find(name);
  return found != config.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

// Which key of config.json counts experts, where some layer has them as far as it says; "" else.
std::string experts_promised_by(const Json& config) {
  const Json& part = text_part(config);
  const std::int64_t layers = number_in(part, "num_hidden_layers");
  if (layers > 0 && number_in(part, "first_k_dense_replace") >= layers) return "";
  if (const auto kinds = part.find("mlp_layer_types"); kinds != part.end() && kinds->is_array()) {
    if (std::all_of(kinds->begin(), kinds->end(), [](const Json& kind) { return kind == "dense"; }))
      return "";
  }
  if (const auto dense = part.find("mlp_only_layers"); dense != part.end() && dense->is_array()) {
    if (layers > 0 && static_cast<std::int64_t>(dense->size()) >= layers) return "";
  }
  for (const char* const name : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    if (number_in(part, name) > 1) return name;
  }
  return "";
}

}  // namespace

void check_foreign(const Checkpoint& checkpoint, const RuleSet& rules, bool allow_missing_layers,
                   Diagnostics& diagnostics) {
  const bool converts = std::any_of(rules.transforms.begin(), rules.transforms.end(), [](const auto& t) {
    return t.kind == TransformKind::kWeightConverter && t.from_library && !t.from_family;
  });
  if (!converts || checkpoint.tensors.empty()) return;
  std::set<std::string> words;
  for (const Transform& t : rules.transforms) {
    for (const auto& pattern : t.source_patterns) collect_words(pattern, words);
    for (const auto& pattern : t.target_patterns) collect_words(pattern, words);
  }
  const std::string& first = checkpoint.tensors.front().key;
  const Place place{checkpoint.directory.string(), 0, 0, {}, first, ""};
  const std::string by = rules.chosen.empty() ? "these rules" : "the rules " + join_some(rules.chosen);
  const bool foreign =
      words.size() >= kLeastWords &&
      std::none_of(words.begin(), words.end(), [&](const auto& w) { return has_word(checkpoint, w); });
  if (foreign) {
    diagnostics.error(
        "plan-foreign-keys"_id, place,
        fmt::format("is foreign to {}, as is every other key: none has {}", by,
                    join_some({words.begin(), words.end()}, 4)),
        "Is config.json that of another model? The rules are found by its model_type and architectures; "
        "--rules names others.");
    return;
  }
  const std::string promised = experts_promised_by(checkpoint.config);
  const bool about_experts = std::any_of(words.begin(), words.end(), [](const auto& w) {
    return w.find("expert") != std::string::npos || w.find("moe") != std::string::npos;
  });
  const bool has_experts = has_word(checkpoint, "expert") || has_word(checkpoint, "moe");
  if (promised.empty() || !about_experts || has_experts || allow_missing_layers) return;
  diagnostics.error("plan-experts-absent"_id, place,
                    fmt::format("config.json has {} {}, but no tensor of the checkpoint is an expert's",
                                number_in(text_part(checkpoint.config), promised.c_str()), promised),
                    "Is it that of another model, or a part of one? With --allow-missing-layers what is "
                    "there is converted.");
}

}  // namespace tenon
