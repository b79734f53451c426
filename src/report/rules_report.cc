#include "report/rules_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "report/table.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string first_of(const std::vector<std::string>& names) {
  return join_some(names, 2);
}

Json heads_json(const std::vector<RuleFile>& files) {
  Json out = Json::array();
  for (const auto& file : files) {
    out.push_back({{"name", file.name},
                   {"about", file.about},
                   {"origin", file.origin},
                   {"model_type", file.applies_to.model_types},
                   {"architectures", file.applies_to.architectures},
                   {"file", file.path.string()}});
  }
  return out;
}

// "by include of qwen2_moe in qwen3_moe": how a transform got into the list, "" where it is the file's own.
std::string way_of(const Transform& transform) {
  if (transform.included_from.empty()) return "";
  return fmt::format(", included by {}", fmt::join(transform.included_from, ", then "));
}

std::string scope_of(const Transform& transform) {
  if (!transform.scope) return "";
  const Scope& scope = *transform.scope;
  const bool both = !scope.base_model_prefix.empty() && !scope.scope_prefix.empty();
  return fmt::format(", only below {}{}{}", scope.base_model_prefix, both ? "." : "", scope.scope_prefix);
}

std::string transform_text(const Transform& transform) {
  std::string out =
      fmt::format("  {}  {}{}{}{}\n", transform.id(), name_of(transform.kind), scope_of(transform),
                  way_of(transform), transform.forward_only ? ", forward only" : "");
  if (transform.kind == TransformKind::kPrefixChange) {
    const std::string below =
        transform.model_prefix.empty() ? "" : fmt::format(" below {}", transform.model_prefix);
    return out + (transform.prefix_to_add
                      ? fmt::format("      add {}{}\n", *transform.prefix_to_add, below)
                      : fmt::format("      remove {}{}\n", transform.prefix_to_remove.value_or(""), below));
  }
  for (const auto& pattern : transform.source_patterns) out += fmt::format("      {}\n", pattern);
  for (const auto& pattern : transform.target_patterns) out += fmt::format("   -> {}\n", pattern);
  for (const auto& operation : transform.operations)
    out += fmt::format("      by {}\n", to_string(operation));
  return out;
}

Json transform_json(const Transform& transform) {
  Json operations = Json::array();
  for (const auto& operation : transform.operations) operations.push_back(to_string(operation));
  Json out = {{"id", transform.id()},
              {"kind", name_of(transform.kind)},
              {"rule", transform.rule},
              {"file", transform.place.file},
              {"line", transform.place.line},
              {"included_from", transform.included_from},
              {"source_patterns", transform.source_patterns},
              {"target_patterns", transform.target_patterns},
              {"operations", operations},
              {"forward_only", transform.forward_only}};
  if (transform.scope) {
    out["scope_prefix"] = transform.scope->scope_prefix;
    out["base_model_prefix"] = transform.scope->base_model_prefix;
  }
  return out;
}

std::string head_text(const RuleFile& file) {
  std::string out = fmt::format("{}: {}\n", file.name, file.about);
  out += fmt::format("  file           {}\n", file.path.string());
  const auto line = [&](const char* what, const std::string& text) {
    if (!text.empty()) out += fmt::format("  {:<14} {}\n", what, text);
  };
  line("origin", file.origin);
  line("model types", join_some(file.applies_to.model_types, 20));
  line("architectures", join_some(file.applies_to.architectures, 20));
  if (file.fusable) line("fuses", join_some(file.fusable->modules, 20));
  if (file.fuse)
    line("fuses", fmt::format("{} to one {}", join_some(file.fuse->modules, 20), file.fuse->name));
  if (file.is_family)
    line("position", file.before ? "before the model's transforms" : "after the model's transforms");
  line("filters out", join_some(file.filters, 20));
  for (const auto& submodel : file.submodels) {
    line("sub-model", fmt::format("{} at {}", submodel.config_path, submodel.module));
  }
  return out;
}

const std::vector<Transform>& transforms_of(const RuleFile& file, const RuleSet& flat) {
  return file.is_family ? file.transforms : flat.transforms;
}

std::string edit_text(const ConfigChange& change) {
  return change.value ? fmt::format("set {} to {}", change.path, change.value->dump())
                      : "remove " + change.path;
}

}  // namespace

std::string rules_list_text(const Library& library) {
  Table models({{"rules"}, {"model types"}, {"about"}});
  for (const auto& file : library.models()) {
    models.add({file.name, first_of(file.applies_to.model_types), file.about});
  }
  Table families({{"fusion family"}, {"about"}});
  for (const auto& file : library.families()) families.add({file.name, file.about});
  return models.text() + "\n" + families.text() +
         fmt::format("\n{} rule files and {} fusion families in {}\n", library.models().size(),
                     library.families().size(), library.folder().string());
}

Json rules_list_json(const Library& library) {
  return {{"folder", library.folder().string()},
          {"models", heads_json(library.models())},
          {"fusions", heads_json(library.families())}};
}

std::string rules_show_text(const RuleFile& file, const RuleSet& flat) {
  std::string out = head_text(file);
  const auto& transforms = transforms_of(file, flat);
  out += fmt::format("\n{} transform{}, in the order in which they apply:\n", transforms.size(),
                     transforms.size() == 1 ? "" : "s");
  for (const auto& transform : transforms) out += transform_text(transform);
  const auto& drops = file.is_family ? file.drops : flat.drops;
  for (const auto& drop : drops)
    out += fmt::format("  may leave out {} ({})\n", join_some(drop.keys, 20), drop.reason);
  const auto& edits = file.is_family ? file.config_changes : flat.config_changes;
  for (const auto& change : edits) out += fmt::format("  config.json: {}\n", edit_text(change));
  return out;
}

Json rules_show_json(const RuleFile& file, const RuleSet& flat) {
  Json out = heads_json({file}).front();
  out["family"] = file.is_family;
  out["hash"] = file.hash;
  out["transforms"] = Json::array();
  for (const auto& transform : transforms_of(file, flat))
    out["transforms"].push_back(transform_json(transform));
  out["drop"] = Json::array();
  for (const auto& drop : file.is_family ? file.drops : flat.drops) {
    out["drop"].push_back({{"keys", drop.keys}, {"reason", drop.reason}});
  }
  out["config"] = Json::array();
  for (const auto& change : file.is_family ? file.config_changes : flat.config_changes) {
    out["config"].push_back({{"path", change.path}, {"value", change.value ? *change.value : Json(nullptr)}});
  }
  return out;
}

}  // namespace tenon
