#include "rules/choose_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/json_text.h"
#include "rules/family.h"
#include "rules/flatten.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string text_in(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string architecture_of(const Json& config) {
  const auto found = config.find("architectures");
  const bool named =
      found != config.end() && found->is_array() && !found->empty() && found->front().is_string();
  return named ? found->front().get<std::string>() : "";
}

Place config_place(const Checkpoint& checkpoint) {
  return place_of(checkpoint.directory / "config.json");
}

class Chooser {
 public:
  Chooser(const RuleRequest& request, const Checkpoint& checkpoint, const Library& library)
      : request_(request), checkpoint_(checkpoint), library_(library) {}

  RuleSet run() {
    from_manifest();
    for (const auto& name : rules_) add_rules(name);
    diagnostics_.throw_if_errors();
    for (const auto& name : families_) add_family(name);
    diagnostics_.throw_if_errors();
    check_hashes();
    return std::move(set_);
  }

 private:
  // On the way back the manifest knows what was used; what the user names wins.
  void from_manifest() {
    rules_ = request_.rules;
    families_ = request_.families;
    const auto& manifest = checkpoint_.manifest;
    const bool returns = manifest && manifest->layout != request_.to && rules_.empty() && families_.empty();
    if (returns) {
      for (const auto& record : manifest->rules) {
        const std::string& where = record.path.empty() ? record.name : record.path;
        if (record.family) families_.push_back(where);
        if (record.chosen) rules_.push_back(where);
      }
      set_.notes.push_back(fmt::format("rules from {}", kManifestName));
      return;
    }
    if (rules_.empty()) rules_ = {"auto"};
    if (families_.empty()) families_from_config();
  }

  // A fused checkpoint's config.json says which families it was fused by. It may come from anywhere, so that
  // it names no files.
  void families_from_config() {
    if (request_.to != Layout::kOriginal) return;
    const auto found = checkpoint_.config.find("fusion_config");
    if (found == checkpoint_.config.end() || !found->is_object()) return;
    std::vector<std::string> unknown;
    for (const auto& [name, options] : found->items()) {
      if (options.is_boolean() && !options.get<bool>()) continue;
      const auto is_this = [&, &wanted = name](const RuleFile& family) { return family.name == wanted; };
      const bool known = std::any_of(library_.families().begin(), library_.families().end(), is_this);
      known ? families_.push_back(name) : unknown.push_back(shown(name));
    }
    if (unknown.empty()) return;
    Place place = config_place(checkpoint_);
    place.inside = "/fusion_config";
    diagnostics_.error(place, fmt::format("no fusion family of the library: {}", join_some(unknown)),
                       "A family of your own: name its file with --fuse FILE.yaml.");
  }

  void add_rules(const std::string& name) {
    if (name == "auto") {
      detect();
      return;
    }
    try {
      add_file(library_.locate_model(name), request_.rules.empty() ? "named by the manifest" : "asked for");
    } catch (const UserError& e) {
      for (const auto& d : e.diagnostics()) diagnostics_.add(d);
    }
  }

  void detect() {
    const std::string type = text_in(checkpoint_.config, "model_type");
    const std::string architecture = architecture_of(checkpoint_.config);
    if (!checkpoint_.has_config) {
      diagnostics_.error(place_of(checkpoint_.directory), "there is no config.json to find the rules by",
                         "Name them: --rules NAME or --rules FILE.yaml.");
      return;
    }
    if (const RuleFile* const found = library_.detect(type, architecture)) {
      add_file(found->path,
               fmt::format("model type '{}'{}", type,
                           found->applies_to.architectures.empty() ? "" : ", architecture " + architecture));
      return;
    }
    if (!families_.empty()) {
      set_.notes.push_back(fmt::format("no rule file for model type '{}': the families alone", type));
      return;
    }
    std::vector<std::string> names;
    for (const auto& file : library_.models()) names.push_back(file.name);
    std::string hint = did_you_mean(type, names);
    if (hint.empty())
      hint = "`tenon rules list` lists what there is; --rules FILE.yaml takes rules of your own.";
    diagnostics_.error(
        config_place(checkpoint_),
        fmt::format("no rule file applies to model type '{}', architecture '{}'", type, architecture), hint);
  }

  void add_file(const std::filesystem::path& path, const std::string& why) {
    const RuleFile file = read_rule_file(path, diagnostics_);
    if (diagnostics_.has_errors()) return;
    set_.notes.push_back(fmt::format("rules {} ({})", file.name, why));
    set_.chosen.push_back(file.name);
    if (set_.base_model_prefix.empty()) set_.base_model_prefix = file.base_model_prefix;
    add_keys(file);
    flatten_into(file, checkpoint_.config, library_, set_, diagnostics_);
  }

  void add_keys(const RuleFile& file) {
    auto found = file.keys.find(architecture_of(checkpoint_.config));
    if (found == file.keys.end()) found = file.keys.find("");
    if (found != file.keys.end())
      set_.fused_keys.insert(set_.fused_keys.end(), found->second.begin(), found->second.end());
  }

  void add_family(const std::string& name) {
    try {
      RuleFile family = read_rule_file(library_.locate_family(name), diagnostics_);
      family.is_family = true;
      set_.notes.push_back(fmt::format("family {}", family.name));
      apply_family(family, request_.to, checkpoint_, set_, diagnostics_);
    } catch (const UserError& e) {
      for (const auto& d : e.diagnostics()) diagnostics_.add(d);
    }
  }

  // Rules that changed since the conversion would undo something else than what was done.
  void check_hashes() {
    const auto& manifest = checkpoint_.manifest;
    if (!manifest || manifest->layout == request_.to || !request_.rules.empty()) return;
    for (const auto& record : manifest->rules) {
      const auto found = std::find_if(set_.files.begin(), set_.files.end(),
                                      [&](const auto& f) { return f.name == record.name; });
      if (found != set_.files.end() && found->hash != record.hash) {
        diagnostics_.error(
            place_of(found->path),
            fmt::format("the rules '{}' have changed since this checkpoint was converted", record.name),
            "Use the file that was used then, or name these rules with --rules to take them as they are.");
      }
    }
    diagnostics_.throw_if_errors();
  }

  const RuleRequest& request_;
  const Checkpoint& checkpoint_;
  const Library& library_;
  std::vector<std::string> rules_;
  std::vector<std::string> families_;
  RuleSet set_;
  Diagnostics diagnostics_;
};

}  // namespace

RuleSet choose_rules(const RuleRequest& request, const Checkpoint& checkpoint, const Library& library) {
  return Chooser(request, checkpoint, library).run();
}

RuleSet flatten(const RuleFile& file, const Json& config, const Library& library, Diagnostics& diagnostics) {
  RuleSet out;
  out.base_model_prefix = file.base_model_prefix;
  flatten_into(file, config, library, out, diagnostics);
  return out;
}

}  // namespace tenon
