#include "rules/flatten.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/parse_rules.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxIncludeDepth = 8;  // of includes in includes, and of sub-models in sub-models

class Flattener {
 public:
  Flattener(const RuleFile& root, const Library& library, RuleSet& out, Diagnostics& diagnostics)
      : root_(root), library_(library), out_(out), diagnostics_(diagnostics) {}

  struct Part {
    const Json& config;
    std::string path;  // dotted, of config.json; "" for all of it
  };

  // The file at `module` of the model ("" for the model itself), with the config of that part.
  void add(const RuleFile& file, const Part& part, const std::string& module, int depth) {
    add_transforms(file, part, scope_of(module), {}, depth);
    for (const auto& submodel : file.submodels) add_submodel(submodel, part, module, depth);
  }

 private:
  void add_transforms(const RuleFile& file, const Part& part, const std::optional<Scope>& scope,
                      std::vector<std::string> included_from, int depth) {
    remember(file);
    for (const auto& include : file.includes) {
      const auto found = open(include.rules, include.place, depth);
      if (!found) continue;
      auto from = included_from;
      from.push_back(file.name);
      add_transforms(*found, part, include.scope ? include.scope : scope, std::move(from), depth + 1);
    }
    for (Transform t : file.transforms) {
      // A transform's own scope stands inside the part of the model that its file is used for.
      if (scope && t.scope) {
        t.scope->scope_prefix = join(scope->scope_prefix, t.scope->scope_prefix);
        t.scope->base_model_prefix = scope->base_model_prefix;
      } else if (scope) {
        t.scope = scope;
      }
      t.included_from = included_from;
      t.config_part = part.path;
      resolve(t, part.config, diagnostics_);
      out_.transforms.push_back(std::move(t));
    }
  }

  void add_submodel(const Submodel& submodel, const Part& whole, const std::string& module, int depth) {
    static const Json kNone = Json::object();
    const Json* part = part_of(whole.config, submodel.config_path);
    if (part == nullptr && submodel.rules_for_any.empty()) return;
    if (part == nullptr) part = &kNone;
    const std::string name = rules_for(submodel, *part);
    if (name.empty()) return;
    if (const auto found = open(name, submodel.place, depth))
      add(*found, {*part, submodel.config_path == "." ? whole.path : join(whole.path, submodel.config_path)},
          join(module, submodel.module), depth + 1);
  }

  std::string rules_for(const Submodel& submodel, const Json& part) const {
    if (!submodel.rules_for_any.empty()) return submodel.rules_for_any;
    const auto found = part.find("model_type");
    const std::string type = found != part.end() && found->is_string() ? found->get<std::string>() : "";
    const auto listed = submodel.rules_by_model_type.find(type);
    if (listed != submodel.rules_by_model_type.end()) return listed->second;
    const RuleFile* const detected = library_.detect(type, "");
    return detected == nullptr ? "" : detected->name;
  }

  static const Json* part_of(const Json& config, const std::string& path) {
    const Json* node = &config;
    if (path == ".") return node;
    for (std::size_t from = 0; from <= path.size();) {
      const std::size_t end = std::min(path.find('.', from), path.size());
      const auto found = node->is_object() ? node->find(path.substr(from, end - from)) : node->end();
      if (found == node->end() || !found->is_object()) return nullptr;
      node = &*found;
      from = end + 1;
    }
    return node;
  }

  // Scopes are given below the root's base model: `model.vision_tower` of a base model `model` is
  // `vision_tower`.
  std::optional<Scope> scope_of(std::string module) const {
    if (module.empty()) return std::nullopt;
    const std::string& base = root_.base_model_prefix;
    if (!base.empty() && (module == base || module.starts_with(base + "."))) {
      module.erase(0, std::min(module.size(), base.size() + 1));
    }
    return Scope{module, base};
  }

  static std::string join(const std::string& a, const std::string& b) {
    return a.empty() || b.empty() ? a + b : a + "." + b;
  }

  std::optional<RuleFile> open(const std::string& name, const Place& place, int depth) {
    if (depth > kMaxIncludeDepth) {
      diagnostics_.error(
          "include-cycle"_id, place,
          fmt::format("'{}' is included more than {} levels deep: do the files include each other?", name,
                      kMaxIncludeDepth));
      return std::nullopt;
    }
    try {
      return read_rule_file(library_.locate_model(name), diagnostics_);
    } catch (const UserError& e) {
      diagnostics_.error("missing-include"_id, place,
                         fmt::format("'{}': {}", name, e.diagnostics().front().message),
                         e.diagnostics().front().hint);
      return std::nullopt;
    }
  }

  void remember(const RuleFile& file) {
    const bool known =
        std::any_of(out_.files.begin(), out_.files.end(), [&](const auto& f) { return f.path == file.path; });
    if (known) return;
    out_.files.push_back(file);
    out_.drops.insert(out_.drops.end(), file.drops.begin(), file.drops.end());
    out_.copies.insert(out_.copies.end(), file.copies.begin(), file.copies.end());
    out_.config_changes.insert(out_.config_changes.end(), file.config_changes.begin(),
                               file.config_changes.end());
    if (file.part) add_part(*file.part);
  }

  // One part: a part of a part is two conversions.
  void add_part(const ModelPart& part) {
    if (out_.part) {
      diagnostics_.error("part-twice"_id, part.place,
                         fmt::format("another part is taken out or put in by {}", out_.part->rule),
                         "One conversion is about one part: make two of it.");
      return;
    }
    out_.part = part;
  }

  const RuleFile& root_;
  const Library& library_;
  RuleSet& out_;
  Diagnostics& diagnostics_;
};

}  // namespace

void flatten_into(const RuleFile& file, const Json& config, const Library& library, RuleSet& out,
                  Diagnostics& diagnostics) {
  Flattener(file, library, out, diagnostics).add(file, {config, ""}, "", 0);
}

}  // namespace tenon
