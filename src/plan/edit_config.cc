#include "plan/edit_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/config.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxDepth = 100;  // of config.json, as it is read

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('.', from), path.size());
    out.push_back(path.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

std::optional<Json> value_at(const Json& config, const std::string& path) {
  const Json* node = &config;
  for (const auto& segment : segments_of(path)) {
    if (!node->is_object() || !node->contains(segment)) return std::nullopt;
    node = &(*node)[segment];
  }
  return *node;
}

// Sets or removes the value at a dotted path; maps on the way are made, and removed again when they become
// empty.
void put(Json& node, const std::vector<std::string>& path, std::size_t depth,
         const std::optional<Json>& value) {
  const std::string& key = path[depth];
  if (depth + 1 == path.size()) {
    if (value) {
      node[key] = *value;
    } else {
      node.erase(key);
    }
    return;
  }
  if (!node.contains(key)) {
    if (!value) return;
    node[key] = Json::object();
  }
  put(node[key], path, depth + 1, value);
  if (!value && node[key].is_object() && node[key].empty()) node.erase(key);
}

bool fits(const Json& config, const std::string& path) {
  const Json* node = &config;
  const auto segments = segments_of(path);
  if (segments.size() > kMaxDepth) return false;
  for (const auto& segment : segments) {
    if (!node->is_object()) return false;
    if (!node->contains(segment)) return true;
    node = &(*node)[segment];
  }
  return true;
}

std::string text_of(const Json& config) {
  return config.dump(2, ' ', false) + "\n";
}

std::vector<ConfigEdit> edits_to_fused(const Checkpoint& checkpoint, const RuleSet& rules,
                                       Diagnostics& diagnostics) {
  std::vector<ConfigEdit> out;
  for (const auto& change : rules.config_changes) {
    if (!fits(checkpoint.config, change.path)) {
      diagnostics.error({(checkpoint.directory / "config.json").string(), 0, 0, {}, change.path, ""},
                        "a rule edits this key, but the value above it is no object");
      continue;
    }
    ConfigEdit edit{change.path, value_at(checkpoint.config, change.path), change.value};
    if (edit.before != edit.after) out.push_back(std::move(edit));
  }
  return out;
}

std::vector<ConfigEdit> edits_to_original(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan) {
  std::vector<ConfigEdit> out;
  if (checkpoint.manifest) {
    const auto& edits = checkpoint.manifest->config_edits;
    for (auto e = edits.rbegin(); e != edits.rend(); ++e) out.push_back({e->path, e->after, e->before});
    return out;
  }
  for (auto change = rules.config_changes.rbegin(); change != rules.config_changes.rend(); ++change) {
    const auto now = value_at(checkpoint.config, change->path);
    if (change->value && now) out.push_back({change->path, now, std::nullopt});
    if (!change->value && !now) {
      plan.notes.push_back(
          {Severity::kNote,
           "",
           {"config.json", 0, 0, {}, change->path, ""},
           "the rules removed this key; without a manifest its value is not known and it stays away",
           ""});
    }
  }
  return out;
}

// Edits can nest deeper, or grow longer, than what is read.
void require_readable(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
  try {
    if (text.size() > kMaxConfigBytes) throw UserError({file, 0, 0, {}, "", ""}, "too long");
    parse_config(text, file);
  } catch (const UserError& error) {
    diagnostics.error({file, 0, 0, {}, "", ""}, fmt::format("could not be read again as it is edited: {}",
                                                            error.diagnostics().front().message));
  }
}

// Is the config what the edits of the conversion made of its source's text? The order of keys may differ.
bool is_unchanged(const Json& config, const std::string& before, const std::vector<ConfigEdit>& edits) {
  if (before.size() > kMaxConfigBytes) return false;
  Json edited;
  try {
    edited = parse_config(before, "");
  } catch (const UserError&) {
    return false;
  }
  for (const auto& edit : edits) {
    if (!fits(edited, edit.path)) return false;
    put(edited, segments_of(edit.path), 0, edit.after);
  }
  return nlohmann::json(edited) == nlohmann::json(config);
}

}  // namespace

void edit_config(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics) {
  if (!checkpoint.has_config) return;
  const std::string file = (checkpoint.directory / "config.json").string();
  const bool back = plan.to == Layout::kOriginal;
  plan.config_edits =
      back ? edits_to_original(checkpoint, rules, plan) : edits_to_fused(checkpoint, rules, diagnostics);
  if (plan.config_edits.empty()) return;
  Json edited = checkpoint.config;
  for (const auto& edit : plan.config_edits) {
    if (fits(edited, edit.path)) {
      put(edited, segments_of(edit.path), 0, edit.after);
    } else {
      diagnostics.error({file, 0, 0, {}, edit.path, ""},
                        "this key is to be edited, but the value above it is no object",
                        "Another edit, or somebody since the conversion, has put something else there.");
    }
  }
  plan.config_before = checkpoint.config_text;
  plan.config_text = text_of(edited);
  require_readable(*plan.config_text, file, diagnostics);
  if (!back || !checkpoint.manifest || !checkpoint.manifest->config_before) return;
  const Manifest& manifest = *checkpoint.manifest;
  if (is_unchanged(checkpoint.config, *manifest.config_before, manifest.config_edits))
    plan.config_text = manifest.config_before;
}

}  // namespace tenon
