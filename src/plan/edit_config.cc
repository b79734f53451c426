#include "plan/edit_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/config.h"
#include "plan/config_paths.h"
#include "plan/part_config.h"
#include "plan/rename_modules.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& config) {
  return config.dump(2, ' ', false) + "\n";
}

std::vector<ConfigEdit> edits_to_fused(const Checkpoint& checkpoint, const RuleSet& rules, const Plan& plan,
                                       Diagnostics& diagnostics) {
  std::vector<ConfigEdit> out;
  std::vector<ConfigChange> changes = rules.config_changes;
  changes.insert(changes.end(), plan.own_config_changes.begin(), plan.own_config_changes.end());
  for (const auto& change : changes) {
    if (!fits(checkpoint.config, change.path)) {
      diagnostics.error("config-edit-blocked"_id,
                        {(checkpoint.directory / "config.json").string(), 0, 0, {}, change.path, ""},
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
           "config-key-removed"_id,
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
    if (text.size() > kMaxConfigBytes)
      throw UserError("config-unreadable"_id, {file, 0, 0, {}, "", ""}, "too long");
    parse_config(text, file);
  } catch (const UserError& error) {
    diagnostics.error(
        "config-unreadable"_id, {file, 0, 0, {}, "", ""},
        fmt::format("could not be read again as it is edited: {}", error.diagnostics().front().message));
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
    put(edited, edit.path, edit.after);
  }
  return nlohmann::json(edited) == nlohmann::json(config);
}

void rename_lists(const Checkpoint& checkpoint, Plan& plan) {
  std::vector<std::string> untold;
  for (auto& edit : rename_listed_modules(checkpoint, plan, untold)) {
    const bool is_gone = std::any_of(
        plan.config_edits.begin(), plan.config_edits.end(),
        [&](const ConfigEdit& other) { return !other.after && edit.path.starts_with(other.path + "."); });
    if (!is_gone) plan.config_edits.push_back(std::move(edit));
  }
  if (untold.empty()) return;
  plan.notes.push_back({Severity::kNote,
                        "config-stale-name"_id,
                        {"config.json", 0, 0, {}, "", ""},
                        join_some(untold, 3),
                        "Readers that go by these names may quantise, or expect quantised, what is not."});
}

// Where a part is taken out of a model, or put into one, the config is another one altogether: rules and
// lists are about that, and what differs in the end is what is taken down.
void edit_for_part(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics) {
  const std::string file = (checkpoint.directory / "config.json").string();
  const bool back = plan.to == Layout::kOriginal;
  Checkpoint other = checkpoint;
  other.config = config_across(checkpoint, *rules.part, plan.to);
  if (!back || !checkpoint.manifest) {
    plan.config_edits =
        back ? edits_to_original(other, rules, plan) : edits_to_fused(other, rules, plan, diagnostics);
    rename_lists(other, plan);
  }
  Json edited = other.config;
  for (const auto& edit : plan.config_edits) {
    if (fits(edited, edit.path)) put(edited, edit.path, edit.after);
  }
  plan.config_edits = config_differences(checkpoint.config, edited);
  if (plan.config_edits.empty()) return;
  plan.config_before = checkpoint.config_text;
  plan.config_text = text_of(edited);
  const auto is_text = [&](const std::string& text) {
    return !text.empty() && text.size() <= kMaxConfigBytes &&
           nlohmann::json(parse_config(text, file)) == nlohmann::json(edited);
  };
  if (checkpoint.whole && is_text(checkpoint.whole->config_text))
    plan.config_text = checkpoint.whole->config_text;
  if (back && checkpoint.manifest && checkpoint.manifest->config_before &&
      is_text(*checkpoint.manifest->config_before))
    plan.config_text = checkpoint.manifest->config_before;
  require_readable(*plan.config_text, file, diagnostics);
}

}  // namespace

void edit_config(const Checkpoint& checkpoint, const RuleSet& rules, Plan& plan, Diagnostics& diagnostics) {
  if (!checkpoint.has_config) return;
  if (rules.part) return edit_for_part(checkpoint, rules, plan, diagnostics);
  const std::string file = (checkpoint.directory / "config.json").string();
  const bool back = plan.to == Layout::kOriginal;
  plan.config_edits = back ? edits_to_original(checkpoint, rules, plan)
                           : edits_to_fused(checkpoint, rules, plan, diagnostics);
  // With a manifest the edits that it keeps undo these too.
  if (!back || !checkpoint.manifest) rename_lists(checkpoint, plan);
  if (plan.config_edits.empty()) return;
  Json edited = checkpoint.config;
  for (const auto& edit : plan.config_edits) {
    if (fits(edited, edit.path)) {
      put(edited, edit.path, edit.after);
    } else {
      diagnostics.error("config-edit-blocked"_id, {file, 0, 0, {}, edit.path, ""},
                        "this key is to be edited, but the value above it is no object",
                        "Another edit, or somebody since the conversion, has put something else there.");
    }
  }
  plan.config_before = checkpoint.config_text;
  plan.config_text = text_of(edited);
  require_readable(*plan.config_text, file, diagnostics);
  const bool returns = checkpoint.returns_to(plan.to);
  if (!returns || !checkpoint.manifest->config_before) return;
  const Manifest& manifest = *checkpoint.manifest;
  if (is_unchanged(checkpoint.config, *manifest.config_before, manifest.config_edits))
    plan.config_text = manifest.config_before;
}

}  // namespace tenon
