#include "rules/choose_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "checkpoint/json_text.h"
#include "rules/family.h"
#include "rules/flatten.h"
#include "rules/key_rewriter.h"
#include "rules/module_family.h"
#include "rules/parse_rules.h"
#include "rules/resolved_rules.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::string text_in(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

Place config_place(const Checkpoint& checkpoint) {
  return place_of(checkpoint.directory / "config.json");
}

class Chooser {
 public:
  Chooser(const Options& options, const Checkpoint& checkpoint, const Library& library,
          const RuleSource& source)
      : options_(options), checkpoint_(checkpoint), library_(library), source_(source) {}

  RuleSet run() {
    if (const Manifest* kept = rules_in_manifest()) return by_manifest(*kept);
    from_manifest();
    for (const auto& name : rules_) add_rules(name);
    diagnostics_.throw_if_errors();
    add_part_renamings();
    for (const auto& name : families_) add_family(name);
    diagnostics_.throw_if_errors();
    check_hashes();
    for (auto& t : set_.transforms) t.from_library = is_of_library(t.rule);
    return std::move(set_);
  }

 private:
  // The manifest whose own rules are to be used: on the way back, or once more; what the user names wins.
  const Manifest* rules_in_manifest() const {
    if (!options_.rules.empty() || !options_.fuse.empty()) return nullptr;
    const auto* const own = checkpoint_.returns_to(options_.to) ? &*checkpoint_.manifest : nullptr;
    const Manifest* const kept = source_.again != nullptr ? source_.again : own;
    return kept != nullptr && kept->version > 1 ? kept : nullptr;
  }

  RuleSet by_manifest(const Manifest& manifest) const {
    RuleSet set = resolved_rules(manifest, (checkpoint_.directory / kManifestName).string());
    std::vector<std::string> names;
    for (const auto& record : manifest.rules) {
      if (record.chosen || record.family) names.push_back(record.name);
    }
    if (source_.again != nullptr) attach_files(set);
    set.notes.push_back(names.empty() ? fmt::format("rules from {}", kManifestName)
                                      : fmt::format("rules from {}: {}", kManifestName, join_some(names)));
    return set;
  }

  // What the library's files say beside their rules, which are the manifest's: the modules' programs.
  void attach_files(RuleSet& set) const {
    for (RuleFile& stub : set.files) {
      Diagnostics ignored;
      try {
        RuleFile file = read_rule_file(
            stub.is_family ? library_.locate_family(stub.name) : library_.locate_model(stub.name), ignored);
        if (ignored.has_errors()) continue;
        file.is_family = stub.is_family;
        file.hash = stub.hash;
        stub = std::move(file);
      } catch (const UserError&) {  // gone, or no library at hand: the rules do without
      }
    }
  }

  // On the way back the manifest knows what was used; what the user names wins.
  void from_manifest() {
    rules_ = options_.rules;
    families_ = options_.fuse;
    const auto& manifest = checkpoint_.manifest;
    const bool returns = checkpoint_.returns_to(options_.to) && rules_.empty() && families_.empty();
    if (returns) {
      for (const auto& record : manifest->rules) {
        const std::string& where = record.path.empty() ? record.name : record.path;
        if (record.family) families_.push_back(where);
        if (record.chosen) rules_.push_back(where);
      }
      set_.notes.push_back(fmt::format("rules from {}", kManifestName));
      return;
    }
    if (rules_.empty() && !source_.families_alone) rules_ = {"auto"};
    if (families_.empty()) families_from_config();
  }

  // config.json asks for families, or says which a fused checkpoint was fused by. It may come from anywhere,
  // so that it names no files.
  void families_from_config() {
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
    std::vector<std::string> names;
    for (const auto& family : library_.families()) names.push_back(family.name);
    Place place = config_place(checkpoint_);
    place.inside = "/fusion_config";
    diagnostics_.error(
        "family-unknown"_id, place, fmt::format("no fusion family of the library: {}", join_some(unknown)),
        fmt::format("The library has {}. A family of your own: name its file with --fuse FILE.yaml.",
                    fmt::join(names, ", ")));
  }

  void add_rules(const std::string& name) {
    if (name == "auto") {
      detect();
      return;
    }
    try {
      add_file(library_.locate_model(layout_name(name)),
               options_.rules.empty() ? "named by the manifest" : "asked for");
    } catch (const UserError& e) {
      for (const auto& d : e.diagnostics()) diagnostics_.add(d);
    }
  }

  // "llama_megatron" where `megatron` is asked for and the model is a llama.
  std::string layout_name(const std::string& name) const {
    const std::string whole = text_in(checkpoint_.config, "model_type") + "_" + name;
    const auto& models = library_.models();
    const auto is_there = [&](const std::string& wanted) {
      return std::any_of(models.begin(), models.end(), [&](const RuleFile& f) { return f.name == wanted; });
    };
    return !is_there(name) && is_there(whole) ? whole : name;
  }

  void detect() {
    const std::string type = text_in(checkpoint_.config, "model_type");
    const std::string architecture = architecture_of(checkpoint_.config);
    if (!checkpoint_.has_config) {
      diagnostics_.error("config-missing"_id, place_of(checkpoint_.directory),
                         "there is no config.json to find the rules by",
                         "Name them: --rules NAME or --rules FILE.yaml.");
      return;
    }
    if (const RuleFile* const found = library_.detect(type, architecture)) {
      add_file(found->path,
               fmt::format("model type '{}'{}", type,
                           found->applies_to.architectures.empty() ? "" : ", architecture " + architecture));
      return;
    }
    if (const auto* const found = library_.find_class(architecture)) {
      add_file(found->path, fmt::format("architecture {}, model type '{}'", architecture, type));
      return;
    }
    if (!families_.empty()) {
      set_.notes.push_back(fmt::format("no rule file for model type '{}': the families alone", type));
      return;
    }
    refuse_misspelt(type, architecture);
    set_.has_none = true;
    set_.notes.push_back(
        fmt::format("no rules for model type '{}'{}: as far as the library knows, its two "
                    "layouts are one (published, nothing to do){}",
                    type, architecture.empty() ? "" : ", architecture " + architecture, families_that_fit()));
  }

  // A name without rules is the name of a model that needs none, unless nothing or a slip of the pen stands
  // there: then the architecture is one letter off, too.
  void refuse_misspelt(const std::string& type, const std::string& architecture) {
    if (type.empty() && architecture.empty()) {
      diagnostics_.add(
          {Severity::kError, "rules-none-apply"_id, config_place(checkpoint_),
           "it names no model type to find the rules by",
           "Name them: --rules NAME or --rules FILE.yaml; `tenon rules list` lists what there is."});
      return;
    }
    const auto meant = library_.misspelt(type, architecture);
    if (meant.empty()) return;
    diagnostics_.add(
        {Severity::kError, "rules-none-apply"_id, config_place(checkpoint_),
         fmt::format("no rule file applies to model type '{}', architecture '{}'", type, architecture),
         fmt::format("Did you mean '{}'?", meant)});
  }

  // " The families x and y fit.": those that would do something here.
  std::string families_that_fit() const {
    std::vector<std::string> names;
    for (const auto& head : library_.families()) {
      Diagnostics ignored;
      try {
        RuleFile family = read_rule_file(head.path, ignored);
        if (ignored.has_errors()) continue;
        family.is_family = true;
        RuleSet set = set_;
        apply_family(family, Layout::kFused, checkpoint_, set, ignored);
        if (!ignored.has_errors() && takes_any(set.transforms)) names.push_back(family.name);
      } catch (const UserError&) {  // it does not fit
      }
    }
    if (names.empty()) return "";
    return fmt::format(". What fits: --fuse {}", fmt::join(names, ", --fuse "));
  }

  bool takes_any(const std::vector<Transform>& transforms) const {
    return std::any_of(transforms.begin(), transforms.end(), [&](const Transform& t) {
      KeyRewriter rewriter(t);
      return std::any_of(checkpoint_.tensors.begin(), checkpoint_.tensors.end(),
                         [&](const Tensor& tensor) { return rewriter.apply(tensor.key).has_value(); });
    });
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

  bool is_of_library(const std::string& rule) const {
    const auto file =
        std::find_if(set_.files.begin(), set_.files.end(), [&](const RuleFile& f) { return f.name == rule; });
    return file != set_.files.end() && library_.owns(file->path);
  }

  void add_keys(const RuleFile& file) {
    auto found = file.keys.find(architecture_of(checkpoint_.config));
    if (found == file.keys.end()) found = file.keys.find("");
    if (found != file.keys.end())
      set_.fused_keys.insert(set_.fused_keys.end(), found->second.begin(), found->second.end());
  }

  void add_family(const std::string& name) {
    try {
      RuleFile family = is_module_family(name) ? module_family(name)
                                               : read_rule_file(library_.locate_family(name), diagnostics_);
      family.is_family = true;
      if (family.also.empty()) {
        apply_one(family, set_, diagnostics_);
      } else {
        add_with_others(family);
      }
    } catch (const UserError& e) {
      for (const auto& d : e.diagnostics()) diagnostics_.add(d);
    }
  }

  void apply_one(const RuleFile& family, RuleSet& set, Diagnostics& diagnostics) const {
    set.notes.push_back(fmt::format("family {}", family.name));
    apply_family(family, options_.to, checkpoint_, set, diagnostics);
  }

  // A family that names others is all of them: at least one has to fit. Back without a manifest only those
  // that are asked for by name are undone, since nothing tells them apart then.
  void add_with_others(const RuleFile& family) {
    std::vector<RuleFile> all;
    const bool is_set = family.transforms.empty() && family.filters.empty();
    if (!is_set) all.push_back(family);
    if (is_set || options_.to == Layout::kFused) add_others(family, all, 0);
    diagnostics_.throw_if_errors();
    Diagnostics misfits;
    bool any = false;
    for (const RuleFile& one : all) {
      RuleSet set = set_;
      Diagnostics found;
      try {
        apply_one(one, set, found);
      } catch (const UserError& e) {
        for (const auto& d : e.diagnostics()) found.add(d);
      }
      // A config that lacks what a family asks for is of a model that it is not for.
      const bool misfit = std::any_of(found.all().begin(), found.all().end(), [](const Diagnostic& d) {
        return d.id == "family-unmatched" || d.id == "family-condition" || d.id == "config-value-missing";
      });
      if (misfit) {
        for (const auto& d : found.all()) misfits.add(d);
        continue;
      }
      for (const auto& d : found.all()) diagnostics_.add(d);
      any = any || !found.has_errors();
      set_ = std::move(set);
    }
    if (!any && !diagnostics_.has_errors() && !misfits.all().empty()) diagnostics_.add(misfits.all().front());
  }

  void add_others(const RuleFile& family, std::vector<RuleFile>& all, int depth) {
    constexpr int kMaxDepth = 4;
    for (const auto& name : family.also) {
      RuleFile other = read_rule_file(library_.locate_family(name), diagnostics_);
      other.is_family = true;
      const bool is_there =
          std::any_of(all.begin(), all.end(), [&](const RuleFile& f) { return f.name == other.name; });
      if (is_there || depth > kMaxDepth) continue;
      if (!other.transforms.empty() || !other.filters.empty()) all.push_back(other);
      add_others(other, all, depth + 1);
    }
  }

  // First out of the whole, or last into it: all other rules know the part's own names.
  void add_part_renamings() {
    if (!set_.part) return;
    // Its numbers are over config.json of the whole.
    const bool is_whole = set_.part->source_is_whole(options_.to);
    resolve(*set_.part, !is_whole && checkpoint_.whole ? checkpoint_.whole->config : checkpoint_.config,
            diagnostics_);
    diagnostics_.throw_if_errors();
    std::vector<std::string> keys;
    for (const auto& tensor : checkpoint_.tensors) keys.push_back(tensor.key);
    const auto own =
        static_cast<int>(std::count_if(set_.transforms.begin(), set_.transforms.end(),
                                       [&](const auto& t) { return t.rule == set_.part->rule; }));
    auto names = renamings_of(*set_.part, keys, is_whole, own);
    set_.transforms.insert(set_.part->inserts ? set_.transforms.end() : set_.transforms.begin(),
                           std::make_move_iterator(names.begin()), std::make_move_iterator(names.end()));
  }

  // Rules that changed since the conversion would undo something else than what was done.
  void check_hashes() {
    const auto& manifest = checkpoint_.manifest;
    if (!manifest || manifest->layout == options_.to || !options_.rules.empty()) return;
    for (const auto& record : manifest->rules) {
      const auto found = std::find_if(set_.files.begin(), set_.files.end(),
                                      [&](const auto& f) { return f.name == record.name; });
      if (found != set_.files.end() && found->hash != record.hash) {
        diagnostics_.error(
            "rules-changed"_id, place_of(found->path),
            fmt::format("the rules '{}' have changed since this checkpoint was converted", record.name),
            "Use the file that was used then, or name these rules with --rules to take them as they are.");
      }
    }
    diagnostics_.throw_if_errors();
  }

  const Options& options_;
  const Checkpoint& checkpoint_;
  const Library& library_;
  const RuleSource& source_;
  std::vector<std::string> rules_;
  std::vector<std::string> families_;
  RuleSet set_;
  Diagnostics diagnostics_;
};

}  // namespace

RuleSet choose_rules(const Options& options, const Checkpoint& checkpoint, const Library& library,
                     const RuleSource& source) {
  return Chooser(options, checkpoint, library, source).run();
}

RuleSet flatten(const RuleFile& file, const Json& config, const Library& library, Diagnostics& diagnostics) {
  RuleSet out;
  out.base_model_prefix = file.base_model_prefix;
  flatten_into(file, config, library, out, diagnostics);
  if (out.part) resolve(*out.part, config, diagnostics);
  if (!out.part || out.part->from) return out;  // which items a list has, no config says
  auto names = renamings_of(*out.part, {}, !out.part->inserts, static_cast<int>(file.transforms.size()));
  out.transforms.insert(out.part->inserts ? out.transforms.end() : out.transforms.begin(), names.begin(),
                        names.end());
  return out;
}

}  // namespace tenon
