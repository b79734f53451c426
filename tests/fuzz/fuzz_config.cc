// config.json: rules are chosen and resolved by it in both directions, expressions read it, and its edits are
// undone to the byte.
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "checkpoint/config.h"
#include "invariant.h"
#include "plan/edit_config.h"
#include "rules/choose_rules.h"
#include "rules/language/expression.h"

using namespace tenon;
using fuzz::require;

namespace {

constexpr std::array kExpressions = {
    "${config.hidden_size}",
    "${config.text_config.hidden_size // config.text_config.num_attention_heads}",
    "${2 * config.vision_config.patch_size[0] + len(config.layer_types) - config.head_dim % 3}",
    "${config.head_dim or config.hidden_size / config.num_attention_heads}",
    "${not config.tie_word_embeddings == true and config.num_experts > 4}",
};

const Library& library() {
  static const Library kLibrary{std::filesystem::path(TENON_SOURCE_ROOT) / "rules"};
  return kLibrary;
}

std::optional<Checkpoint> parsed(std::string_view text) {
  Checkpoint out;
  out.directory = "fuzz";
  out.config_text = text;
  out.has_config = true;
  try {
    out.config = parse_config(text, "fuzz/config.json");
    return out;
  } catch (const UserError& error) {
    fuzz::require_useful(error);
    for (const Diagnostic& d : error.diagnostics())
      require(d.place.file == "fuzz/config.json", "the message names the file");
    return std::nullopt;
  }
}

template <typename Step>
void refusing(const Step& step) {
  try {
    step();
  } catch (const UserError& error) {
    fuzz::require_useful(error);
  }
}

// Sets one that is there and one in a map that may be there, removes one.
RuleSet edits() {
  RuleSet rules;
  rules.config_changes = {{"hidden_act", "gelu"},
                          {"fusion_config.qkv", true},
                          {"text_config.a.b", nlohmann::ordered_json::array({1, nullptr})},
                          {"vision_config", std::nullopt}};
  return rules;
}

Plan edited(const Checkpoint& checkpoint, Layout to, Diagnostics& diagnostics) {
  Plan plan;
  plan.to = to;
  edit_config(checkpoint, edits(), plan, diagnostics);
  return plan;
}

void require_return(const Checkpoint& source) {
  Diagnostics diagnostics;
  const Plan there = edited(source, Layout::kFused, diagnostics);
  if (diagnostics.has_errors()) return;
  auto fused = parsed(there.config_text.value_or(source.config_text));
  require(fused.has_value(), "an edited config is read again");
  Manifest manifest;
  manifest.config_edits = there.config_edits;
  manifest.config_before = there.config_before;
  fused->manifest = parse_manifest(to_json_text(manifest), "tenon-manifest.json");
  const Plan back = edited(*fused, Layout::kOriginal, diagnostics);
  require(!diagnostics.has_errors(), "edits can be undone");
  require(back.config_text.value_or(fused->config_text) == source.config_text,
          "the config comes back to the byte");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto checkpoint = parsed({reinterpret_cast<const char*>(data), size});
  if (!checkpoint) return 0;
  // One way an input: reading the rule files takes longest.
  const Layout to = size % 2 == 0 ? Layout::kFused : Layout::kOriginal;
  refusing([&] { choose_rules({.to = to}, *checkpoint, library()); });
  for (const char* expression : kExpressions) {
    refusing([&] { evaluate(expression, checkpoint->config, {"rules.yaml", 1, 1, {}, "", ""}); });
  }
  require_return(*checkpoint);
  return 0;
}
