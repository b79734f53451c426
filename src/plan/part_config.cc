#include "plan/part_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "checkpoint/config.h"
#include "plan/config_paths.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

// What a part says of itself, not of its numbers: the whole's own stands.
constexpr std::array kOfItself = {"architectures", "model_type", "transformers_version", "_name_or_path",
                                  "auto_map"};
// What a model needs by itself, and has beside the sub-configs when it is part of another.
constexpr std::array kShared = {
    "dtype",        "torch_dtype",  "tie_word_embeddings", "quantization_config",
    "bos_token_id", "eos_token_id", "pad_token_id",        "transformers_version"};

bool holds_name(const auto& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_whole_config(const ModelPart& part) {
  return part.config == ".";
}

Json sub_config(const Json& whole, const ModelPart& part) {
  if (is_whole_config(part)) return whole;
  auto found = value_at(whole, part.config);
  if (!found || !found->is_object())
    throw UserError("config-value-missing"_id, part.place,
                    fmt::format("config.json has no {}, which is to be the part's", part.config),
                    "`config` names the sub-config of the part by its dotted path.");
  return std::move(*found);
}

Json taken_out(const Json& whole, const ModelPart& part) {
  Json out = sub_config(whole, part);
  if (!is_whole_config(part)) {
    for (const auto& [name, value] : whole.items()) {
      if (!out.contains(name) && (holds_name(kShared, name) || is_listed(part.keep, name))) out[name] = value;
    }
  }
  for (const auto& [path, value] : part.set) {
    if (fits(out, path)) put(out, path, value);
  }
  return out;
}

bool is_set(const ModelPart& part, const std::string& name) {
  return std::any_of(part.set.begin(), part.set.end(),
                     [&](const auto& set) { return set.first == name || set.first.starts_with(name + "."); });
}

// One value of the part's config, where the whole has it; nothing: the part has it no more.
void carry(Json& whole, const ModelPart& part, const std::string& name, const std::optional<Json>& value) {
  if (is_whole_config(part) || is_set(part, name) || holds_name(kOfItself, name)) return;
  const std::string inside = part.config + "." + name;
  const bool shared = holds_name(kShared, name) || is_listed(part.keep, name);
  const bool beside = whole.contains(name) && !value_at(whole, inside);
  put(whole, beside && shared ? name : inside, value);
}

Json put_back(Json whole, const Json& config, const ModelPart& part) {
  sub_config(whole, part);
  for (const auto& [name, value] : config.items()) {
    const bool beside = whole.contains(name) && !value_at(whole, part.config + "." + name);
    if (!beside || is_listed(part.keep, name) || holds_name(kShared, name)) carry(whole, part, name, value);
  }
  return whole;
}

// Calls `change` with what differs, at the top of the two.
void for_each_change(const Json& before, const Json& after, const auto& change) {
  for (const auto& [name, value] : after.items()) {
    const auto found = before.find(name);
    if (found == before.end() || nlohmann::json(*found) != nlohmann::json(value))
      change(name, std::optional<Json>(value));
  }
  for (const auto& [name, value] : before.items()) {
    if (!after.contains(name)) change(name, std::optional<Json>());
  }
}

Json came_back(const Checkpoint& checkpoint, const ModelPart& part, bool from_whole) {
  const Manifest& manifest = *checkpoint.manifest;
  Json out = parse_config(*manifest.config_before, kManifestName);
  Json made = out;
  for (const auto& edit : manifest.config_edits) {
    if (fits(made, edit.path)) put(made, edit.path, edit.after);
  }
  if (from_whole) {
    for_each_change(
        taken_out(made, part), taken_out(checkpoint.config, part),
        [&](const std::string& name, const std::optional<Json>& value) { put(out, name, value); });
  } else {
    for_each_change(made, checkpoint.config, [&](const std::string& name, const std::optional<Json>& value) {
      carry(out, part, name, value);
    });
  }
  return out;
}

}  // namespace

std::vector<ConfigEdit> config_differences(const Json& before, const Json& after) {
  std::vector<ConfigEdit> out;
  for_each_change(before, after, [&](const std::string& name, const std::optional<Json>& value) {
    const auto found = before.find(name);
    out.push_back({name, found == before.end() ? std::nullopt : std::optional<Json>(*found), value});
  });
  return out;
}

Json config_across(const Checkpoint& checkpoint, const ModelPart& part, Layout to) {
  const bool from_whole = part.source_is_whole(to);
  if (checkpoint.returns_to(to) && checkpoint.manifest->config_before)
    return came_back(checkpoint, part, from_whole);
  if (from_whole) return taken_out(checkpoint.config, part);
  return checkpoint.whole ? put_back(checkpoint.whole->config, checkpoint.config, part) : checkpoint.config;
}

}  // namespace tenon
