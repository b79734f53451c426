#include "report/rules_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fields.h"
#include "base/text.h"
#include "report/table.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string folders_text(const Library& library) {
  std::vector<std::string> all;
  for (const auto& folder : library.folders()) all.push_back(folder.string());
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string first_of(const std::vector<std::string>& names) {
  return join_some(names, 2);
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

// A rule file, and its transforms as one list.
struct ShownRules {
  const RuleFile& file;
  const RuleSet& flat;
};

std::optional<std::string> scope_member(const Transform& transform, std::string Scope::*member) {
  return transform.scope ? std::optional((*transform.scope).*member) : std::nullopt;
}

// As written where no config says what it is.
std::optional<std::string> number_member(const std::optional<Number>& number) {
  if (!number) return std::nullopt;
  return number->value ? std::to_string(*number->value) : number->text;
}

std::string part_text(const ModelPart& part) {
  std::string out = part.inserts ? "puts the part in at " : "takes out the part at ";
  out += part.module;
  if (const auto from = number_member(part.from)) out += fmt::format(", from item {} on", *from);
  if (const auto below = number_member(part.below)) out += fmt::format(", below item {}", *below);
  if (!part.keys.empty()) out += fmt::format(", with {}", join_some(part.keys, 20));
  if (!part.except.empty()) out += fmt::format(", without {}", join_some(part.except, 20));
  if (part.config != ".") out += fmt::format("; its config.json is {}", part.config);
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
    line("sub-model",
         fmt::format("{} at {}", submodel.config_path == "." ? "all of config.json" : submodel.config_path,
                     submodel.module));
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

template <>
struct FieldsOf<RuleFile> {
  static std::vector<Field<RuleFile>> fields() {
    return {
        field<RuleFile>(
            "name", [](const RuleFile& f) { return f.name; }, "As --rules and --fuse take it"),
        field<RuleFile>(
            "about", [](const RuleFile& f) { return f.about; }, "What it is for"),
        field<RuleFile>(
            "origin", [](const RuleFile& f) { return f.origin; }, "Where its transforms come from"),
        field<RuleFile>(
            "model_type", [](const RuleFile& f) { return f.applies_to.model_types; },
            "Of config.json, for which it is found"),
        field<RuleFile>(
            "architectures", [](const RuleFile& f) { return f.applies_to.architectures; },
            "Of config.json, likewise"),
        field<RuleFile>(
            "file", [](const RuleFile& f) { return f.path.string(); }, "The rule file"),
    };
  }
};

template <>
struct FieldsOf<Library> {
  static std::vector<Field<Library>> fields() {
    return {
        field<Library>(
            "folder", [](const Library& l) { return l.folder().string(); },
            "The folder of the rule library, the first of several"),
        field<Library>(
            "folders",
            [](const Library& l) {
              std::vector<std::string> all;
              for (const auto& folder : l.folders()) all.push_back(folder.string());
              return all;
            },
            "Its folders, in the order in which names are looked for"),
        field<Library>(
            "models", [](const Library& l) -> const std::vector<RuleFile>& { return l.models(); },
            "A rule file for each kind of model"),
        field<Library>(
            "fusions", [](const Library& l) -> const std::vector<RuleFile>& { return l.families(); },
            "Fusion families"),
    };
  }
};

template <>
struct FieldsOf<Transform> {
  static std::vector<Field<Transform>> fields() {
    return {
        field<Transform>(
            "id", [](const Transform& t) { return t.id(); }, "Rule file and number"),
        field<Transform>(
            "kind", [](const Transform& t) { return std::string(name_of(t.kind)); },
            "WeightRenaming, WeightConverter or PrefixChange"),
        field<Transform>("rule", &Transform::rule, "The rule file that it stands in"),
        field<Transform>(
            "file", [](const Transform& t) { return t.place.file; }, "Its path"),
        field<Transform>(
            "line", [](const Transform& t) { return t.place.line; }, "Where it stands there"),
        field<Transform>("included_from", &Transform::included_from,
                         "How it came into the list: rule files, innermost first"),
        field<Transform>("source_patterns", &Transform::source_patterns, "Regular expressions of keys"),
        field<Transform>("target_patterns", &Transform::target_patterns, "What they become"),
        field<Transform>(
            "operations",
            [](const Transform& t) {
              std::vector<std::string> operations;
              for (const auto& operation : t.operations) operations.push_back(to_string(operation));
              return operations;
            },
            "What is done to the tensors, in order"),
        field<Transform>("forward_only", &Transform::forward_only, "It has no way back"),
        field<Transform>(
            "scope_prefix", [](const Transform& t) { return scope_member(t, &Scope::scope_prefix); },
            "Of a sub-model: it sees keys below this alone"),
        field<Transform>(
            "base_model_prefix",
            [](const Transform& t) { return scope_member(t, &Scope::base_model_prefix); },
            "Of a sub-model: what stands before that"),
    };
  }
};

template <>
struct FieldsOf<DropRule> {
  static std::vector<Field<DropRule>> fields() {
    return {
        field<DropRule>("keys", &DropRule::keys, "Globs"),
        field<DropRule>("reason", &DropRule::reason, "Why"),
    };
  }
};

template <>
struct FieldsOf<ModelPart> {
  static std::vector<Field<ModelPart>> fields() {
    return {
        field<ModelPart>("inserts", &ModelPart::inserts, "It is put into the whole; else it is taken out"),
        field<ModelPart>("module", &ModelPart::module, "Where it stands in the whole"),
        field<ModelPart>("as", &ModelPart::name, "What that is called in the part"),
        field<ModelPart>(
            "from", [](const ModelPart& p) { return number_member(p.from); },
            "Of a list: only items from this number on"),
        field<ModelPart>(
            "below", [](const ModelPart& p) { return number_member(p.below); },
            "Of a list: only items below this number"),
        field<ModelPart>("keys", &ModelPart::keys, "Globs of what else is of the part"),
        field<ModelPart>("except", &ModelPart::except, "Globs of what is not"),
        field<ModelPart>("config", &ModelPart::config, "The part's config.json in the whole's"),
    };
  }
};

template <>
struct FieldsOf<ConfigChange> {
  static std::vector<Field<ConfigChange>> fields() {
    return {
        field<ConfigChange>("path", &ConfigChange::path, "Dotted"),
        field<ConfigChange>(
            "value", [](const ConfigChange& c) { return OrNull<nlohmann::ordered_json>{c.value}; },
            "What it is set to; null: it is removed"),
    };
  }
};

template <>
struct FieldsOf<ShownRules> {
  static std::vector<Field<ShownRules>> fields() {
    return {
        field<ShownRules>(
            "name", [](const ShownRules& r) { return r.file.name; }, "As --rules and --fuse take it"),
        field<ShownRules>(
            "about", [](const ShownRules& r) { return r.file.about; }, "What it is for"),
        field<ShownRules>(
            "origin", [](const ShownRules& r) { return r.file.origin; }, "Where its transforms come from"),
        field<ShownRules>(
            "model_type", [](const ShownRules& r) { return r.file.applies_to.model_types; },
            "Of config.json, for which it is found"),
        field<ShownRules>(
            "architectures", [](const ShownRules& r) { return r.file.applies_to.architectures; },
            "Of config.json, likewise"),
        field<ShownRules>(
            "file", [](const ShownRules& r) { return r.file.path.string(); }, "The rule file"),
        field<ShownRules>(
            "family", [](const ShownRules& r) { return r.file.is_family; }, "It is a fusion family"),
        field<ShownRules>(
            "hash", [](const ShownRules& r) { return r.file.hash; }, "Of the bytes of the file"),
        field<ShownRules>(
            "transforms",
            [](const ShownRules& r) -> const std::vector<Transform>& {
              return transforms_of(r.file, r.flat);
            },
            "In the order in which they apply"),
        field<ShownRules>(
            "drop", [](const ShownRules& r) { return r.file.is_family ? r.file.drops : r.flat.drops; },
            "Keys that may be left out"),
        field<ShownRules>(
            "part", [](const ShownRules& r) { return r.file.is_family ? std::nullopt : r.flat.part; },
            "A part that is taken out of the model, or put into it"),
        field<ShownRules>(
            "config",
            [](const ShownRules& r) {
              return r.file.is_family ? r.file.config_changes : r.flat.config_changes;
            },
            "Changes to config.json"),
    };
  }
};

std::string rules_list_text(const Library& library) {
  Table models({{"rules"}, {"model types"}, {"about"}});
  for (const auto& file : library.models()) {
    models.add({file.name, first_of(file.applies_to.model_types), file.about});
  }
  Table families({{"fusion family"}, {"about"}});
  for (const auto& file : library.families()) families.add({file.name, file.about});
  return models.text() + "\n" + families.text() +
         fmt::format("\n{} rule files and {} fusion families in {}\n", library.models().size(),
                     library.families().size(), folders_text(library));
}

Json rules_list_json(const Library& library) {
  return document_of(library);
}

Json rules_list_schema() {
  return document_schema<Library>("tenon rules list --json");
}

std::string rules_show_text(const RuleFile& file, const RuleSet& flat) {
  std::string out = head_text(file);
  const auto& transforms = transforms_of(file, flat);
  out += fmt::format("\n{} transform{}, in the order in which they apply:\n", transforms.size(),
                     transforms.size() == 1 ? "" : "s");
  for (const auto& transform : transforms) out += transform_text(transform);
  if (flat.part) out += fmt::format("  {}\n", part_text(*flat.part));
  const auto& drops = file.is_family ? file.drops : flat.drops;
  for (const auto& drop : drops)
    out += fmt::format("  may leave out {} ({})\n", join_some(drop.keys, 20), drop.reason);
  const auto& edits = file.is_family ? file.config_changes : flat.config_changes;
  for (const auto& change : edits) out += fmt::format("  config.json: {}\n", edit_text(change));
  return out;
}

Json rules_show_json(const RuleFile& file, const RuleSet& flat) {
  return document_of(ShownRules{file, flat});
}

Json rules_show_schema() {
  return document_schema<ShownRules>("tenon rules show --json");
}

}  // namespace tenon
