// Checkpoints and rule sets for tests of the plan stage, made in memory.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/natural_order.h"
#include "plan/build_plan.h"
#include "rules/flatten.h"
#include "rules/parse_rules.h"

namespace tenon::test {

using KeysAndShapes = std::vector<std::pair<std::string, Shape>>;

inline Checkpoint checkpoint_of(const KeysAndShapes& tensors,
                                nlohmann::ordered_json config = nlohmann::ordered_json::object(),
                                DType dtype = DType::kBF16) {
  Checkpoint out;
  out.directory = "ckpt";
  out.config_text = config.dump(2);
  out.config = std::move(config);
  out.has_config = true;
  out.shards.push_back({"ckpt/model.safetensors", 0, 0, {{"format", "pt"}}});
  for (const auto& [key, shape] : tensors)
    out.tensors.push_back({key, dtype, shape, 0, 0, byte_size(dtype, shape).value()});
  std::sort(out.tensors.begin(), out.tensors.end(),
            [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
  return out;
}

/// The rules written as the body of a rule file's `transforms`, flow or block style.
inline RuleSet rules_of(const std::string& yaml, const Checkpoint& checkpoint) {
  static const Library library{std::filesystem::path(TENON_SOURCE_ROOT) / "rules"};
  Diagnostics diagnostics;
  const RuleFile file =
      parse_rules("tenon: 1\nname: test\nabout: A test.\n" + yaml, "test.yaml", diagnostics);
  RuleSet rules;
  rules.base_model_prefix = file.base_model_prefix;
  if (file.keys.contains("")) rules.fused_keys = file.keys.at("");
  flatten_into(file, checkpoint.config, library, rules, diagnostics);
  diagnostics.throw_if_errors();
  return rules;
}

/// The message of the UserError that `f` throws, "" where it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

inline Options back() {
  Options options;
  options.to = Layout::kOriginal;
  return options;
}

}  // namespace tenon::test
