#include "plan_case.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "checkpoint/json_text.h"
#include "checkpoint/natural_order.h"
#include "rules/choose_rules.h"
#include "rules/parse_rules.h"

namespace tenon::fuzz {
namespace {

constexpr std::string_view kConfig = "\n=== config\n";
constexpr std::string_view kTensors = "\n=== tensors\n";

[[noreturn]] void refuse(const char* what) {
  throw UserError("tenon-bug"_id, Place{"case", 0, 0, {}, "", ""}, what);
}

// What stands before `separator`; `text` becomes what stands behind it.
std::string_view take_until(std::string_view& text, std::string_view separator) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(std::min(at + separator.size(), text.size()));
  return before;
}

Shape shape_of(std::string_view text) {
  Shape shape;
  while (!text.empty() && text != "-") {
    const std::string_view extent = take_until(text, ",");
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(extent.data(), extent.data() + extent.size(), value);
    if (error != std::errc() || end != extent.data() + extent.size() || value < 0) refuse("no extent");
    shape.push_back(value);
  }
  return shape;
}

// As a header's reader would have it: a size that fits, keys that differ.
std::vector<Tensor> tensors_of(std::string_view text) {
  std::vector<Tensor> tensors;
  std::set<std::string> keys;
  std::uint64_t total = 0;
  while (!text.empty()) {
    std::string_view line = take_until(text, "\n");
    const auto dtype = parse_dtype(take_until(line, " "));
    const Shape shape = shape_of(take_until(line, " "));
    const auto bytes = dtype ? byte_size(*dtype, shape) : std::nullopt;
    // JSON says whether the key is one that a header could hold.
    const std::string key = parse_json('"' + std::string(line) + '"', "case").get<std::string>();
    if (!bytes || __builtin_add_overflow(total, *bytes, &total) || !keys.insert(key).second)
      refuse("no tensor");
    tensors.push_back({key, *dtype, shape, 0, 0, *bytes});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return natural_less(a.key, b.key); });
  return tensors;
}

Checkpoint checkpoint_of(std::string_view config, std::string_view tensors) {
  Checkpoint out;
  out.directory = "fuzz";
  out.single_file = true;
  out.config_text = config.empty() ? "{}" : config;
  out.config = parse_json(out.config_text, "config.json");
  if (!out.config.is_object()) refuse("no config");
  out.has_config = true;
  out.shards.push_back({"fuzz/model.safetensors", 0, 0, {{"format", "pt"}}});
  out.tensors = tensors_of(tensors);
  return out;
}

}  // namespace

PlanCase read_plan_case(std::string_view text) {
  static const Library kLibrary{std::filesystem::path(TENON_SOURCE_ROOT) / "tests/lint/library"};
  const std::string_view rules = take_until(text, kConfig);
  const std::string_view config = take_until(text, kTensors);
  PlanCase out;
  out.checkpoint = checkpoint_of(config, text);
  Diagnostics diagnostics;
  const RuleFile file = parse_rules(rules, "case.yaml", diagnostics);
  diagnostics.throw_if_errors();
  out.rules = flatten(file, out.checkpoint.config, kLibrary, diagnostics);
  diagnostics.throw_if_errors();
  return out;
}

}  // namespace tenon::fuzz
