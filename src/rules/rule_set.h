// A rule file as parsed, and the flat rule list that a checkpoint is converted by.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "rules/language/transform.h"
#include "rules/model_part.h"

namespace tenon {

struct AppliesTo {
  std::vector<std::string> model_types;
  std::vector<std::string> architectures;
};

struct Include {
  std::string rules;
  std::optional<Scope> scope;
  Place place;
};

/// A part of the model with rules of its own: the rules of its sub-config's model type apply below its module
/// path.
struct Submodel {
  /// "text_config", "a.b"; "." for the config itself
  std::string config_path;
  /// path in the module tree: "model.vision_tower"
  std::string module;
  /// what the model type alone would not find
  std::map<std::string, std::string> rules_by_model_type;
  /// one file whatever the model type, "" where not given
  std::string rules_for_any;
  Place place;
};

struct DropRule {
  /// globs
  std::vector<std::string> keys;
  std::string reason;
  Place place;
  // only what has the bytes of this key of the source is dropped; "": whatever it is
  std::string equals;
};

/// A second name for a tensor of the fused layout.
struct CopyRule {
  std::string from;
  std::string to;
  Place place;
};

struct ConfigChange {
  /// dotted
  std::string path;
  /// absent: remove
  std::optional<nlohmann::ordered_json> value;
};

/// Lint findings that a rule file accepts, each with its reason.
struct Silence {
  std::string finding;
  std::optional<int> transform;
  std::string reason;
  Place place;
};

/// n-to-1 fusion: sibling modules, given by globs with one common parent, become the first of them.
struct FuseModules {
  std::string name;
  std::vector<std::string> modules;
  Place place;
};

/// What a module must hold directly below it for a family to fuse it.
struct FusableTensor {
  /// "q_proj.weight", below the module
  std::string name;
  /// nullopt: any extent
  std::vector<std::optional<Number>> shape;
  /// another one that will do, where it is not empty
  std::vector<std::optional<Number>> or_shape;
  /// where only the number of dimensions counts
  std::optional<int> rank;
  bool optional = false;
};

/// Which modules a family can fuse.
struct Fusable {
  /// globs of module paths; a leading `**.` also matches nothing
  std::vector<std::string> modules;
  std::vector<std::string> except;
  std::vector<FusableTensor> tensors;
  /// tensors that a module must not hold
  std::vector<std::string> absent;
  /// tensors of which a module holds all or none
  std::vector<std::vector<std::string>> together;
  /// tensors that have one shape, as far as they are there
  std::vector<std::vector<std::string>> alike;
  /// conditions over the config
  std::vector<std::string> when;
  Place place;
};

struct RuleFile {
  std::string name;
  std::string about;
  std::string origin;
  std::filesystem::path path;
  /// of its bytes
  std::string hash;
  AppliesTo applies_to;
  std::string base_model_prefix;
  std::vector<Include> includes;
  std::vector<Transform> transforms;
  std::vector<Submodel> submodels;
  /// architecture -> globs; "" for all
  std::map<std::string, std::vector<std::string>> keys;
  std::vector<DropRule> drops;
  std::vector<CopyRule> copies;
  /// `extract` or `insert`
  std::optional<ModelPart> part;
  std::vector<ConfigChange> config_changes;
  std::vector<Silence> silences;
  /// parity programs, as written
  nlohmann::ordered_json modules = nlohmann::ordered_json::array();
  /// where each value of `modules` stands, by JSON pointer
  std::map<std::string, Place> module_places;
  bool is_family = false;
  /// family: its transforms go before the model's own
  bool before = false;
  std::vector<std::string> filters;
  /// family: others that are asked for with it, and fit what it does not
  std::vector<std::string> also;
  std::optional<Fusable> fusable;
  std::optional<FuseModules> fuse;
};

/// What a checkpoint is converted by: flat, resolved against its config.
struct RuleSet {
  std::vector<Transform> transforms;
  std::string base_model_prefix;
  /// globs of the fused layout's keys, empty where unknown
  std::vector<std::string> fused_keys;
  std::vector<DropRule> drops;
  std::vector<CopyRule> copies;
  std::optional<ModelPart> part;
  std::vector<ConfigChange> config_changes;
  /// everything that took part, for hashes and messages
  std::vector<RuleFile> files;
  /// names of the files asked for or detected: the rest was included by them
  std::vector<std::string> chosen;
  /// of `files`, those given by --fuse, in order
  std::vector<RuleFile> families;
  /// those whose filter dropped a transform
  std::vector<std::string> filtering_families;
  /// the model's own that a family's filter dropped
  std::vector<Transform> filtered;
  /// how the rules were chosen
  std::vector<std::string> notes;
  /// parallel to `transforms`, where a manifest says it
  std::optional<std::vector<bool>> used;
  /// the conversion that a manifest records, planned once more
  bool again = false;
  /// no file applies to the model type, and none was asked for
  bool has_none = false;
};

}  // namespace tenon
