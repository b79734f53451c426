// A rule file: parsed, flattened, applied to keys in both directions, and linted.
#include <array>
#include <cstdint>
#include <filesystem>

#include "invariant.h"
#include "lint/lint.h"
#include "rules/choose_rules.h"
#include "rules/invert.h"
#include "rules/key_rewriter.h"
#include "rules/operations/layout_operation.h"
#include "rules/parse_rules.h"

using namespace tenon;
using fuzz::require;

namespace {

constexpr std::array kKeys = {"model.layers.0.mlp.experts.12.up_proj.weight",
                              "model.layers.10.self_attn.q_proj.bias", "vision_model.patch_embed.proj.weight",
                              "lm_head.weight", "a"};

const Library& library() {
  static const Library kLibrary{std::filesystem::path(TENON_SOURCE_ROOT) / "tests/lint/library"};
  return kLibrary;
}

void apply(const Transform& transform) {
  KeyRewriter rewriter(transform);
  for (const std::string_view key : kKeys) {
    const auto rewrite = rewriter.apply(key);
    if (!rewrite) continue;
    require(rewrite->key.compare(rewrite->at, rewrite->replacement.size(), rewrite->replacement) == 0,
            "the replacement stands where the rewrite says");
    require(rewrite->key.size() + rewrite->matched.size() == key.size() + rewrite->replacement.size(),
            "nothing but the matched text is replaced");
  }
}

void use(const RuleFile& file) {
  Diagnostics diagnostics;
  const auto config = nlohmann::ordered_json::parse(
      R"({"hidden_size": 64, "num_attention_heads": 4, "vision_config": {"patch_size": 2, "num_heads": 2}})");
  const RuleSet rules = flatten(file, config, library(), diagnostics);
  for (const Transform& transform : rules.transforms) {
    apply(transform);
    const Transform inverse = invert(transform);
    apply(inverse);
    for (const Operation& operation : transform.operations) {
      require(to_string(invert(invert(operation))) == to_string(operation), "an inverse's inverse is itself");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(text, "fuzz.yaml", diagnostics);
  for (const Diagnostic& d : diagnostics.all())
    require(d.place.file == "fuzz.yaml", "the message names the file");
  if (diagnostics.has_errors()) return 0;
  try {
    use(file);
  } catch (const UserError& error) {
    fuzz::require_useful(error);
  }
  try {
    Findings findings;
    lint_file(file, library(), findings);
    settle(file, findings, false);
  } catch (const UserError& error) {
    fuzz::require_useful(error);
  }
  return 0;
}
