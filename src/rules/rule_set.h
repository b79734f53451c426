// A rule file as parsed, and the flat rule list that a checkpoint is converted by.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "rules/transform.h"

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
  std::string config_path;                                 // "text_config", "a.b"; "." for the config itself
  std::string module;                                      // path in the module tree: "model.vision_tower"
  std::map<std::string, std::string> rules_by_model_type;  // what the model type alone would not find
  std::string rules_for_any;  // one file whatever the model type, "" where not given
  Place place;
};

struct DropRule {
  std::vector<std::string> keys;  // globs
  std::string reason;
  Place place;
};

struct ConfigChange {
  std::string path;                             // dotted
  std::optional<nlohmann::ordered_json> value;  // absent: remove
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
  std::string name;                          // "q_proj.weight", below the module
  std::vector<std::optional<Number>> shape;  // nullopt: any extent
  std::optional<int> rank;                   // where only the number of dimensions counts
  bool optional = false;
};

/// Which modules a family can fuse.
struct Fusable {
  std::vector<std::string> modules;  // globs of module paths; a leading `**.` also matches nothing
  std::vector<std::string> except;
  std::vector<FusableTensor> tensors;
  std::vector<std::string> absent;                 // tensors that a module must not hold
  std::vector<std::vector<std::string>> together;  // tensors of which a module holds all or none
  std::vector<std::string> when;                   // conditions over the config
  Place place;
};

struct RuleFile {
  std::string name;
  std::string about;
  std::string origin;
  std::filesystem::path path;
  std::string hash;  // of its bytes
  AppliesTo applies_to;
  std::string base_model_prefix;
  std::vector<Include> includes;
  std::vector<Transform> transforms;
  std::vector<Submodel> submodels;
  std::map<std::string, std::vector<std::string>> keys;  // architecture -> globs; "" for all
  std::vector<DropRule> drops;
  std::vector<ConfigChange> config_changes;
  std::vector<Silence> silences;
  nlohmann::ordered_json modules = nlohmann::ordered_json::array();  // parity programs, as written
  std::map<std::string, Place> module_places;  // where each value of `modules` stands, by JSON pointer
  bool is_family = false;
  bool before = false;  // family: its transforms go before the model's own
  std::vector<std::string> filters;
  std::optional<Fusable> fusable;
  std::optional<FuseModules> fuse;
};

/// What a checkpoint is converted by: flat, resolved against its config.
struct RuleSet {
  std::vector<Transform> transforms;
  std::string base_model_prefix;
  std::vector<std::string> fused_keys;  // globs of the fused layout's keys, empty where unknown
  std::vector<DropRule> drops;
  std::vector<ConfigChange> config_changes;
  std::vector<RuleFile> files;      // everything that took part, for hashes and messages
  std::vector<std::string> chosen;  // names of the files asked for or detected: the rest was included by them
  std::vector<RuleFile> families;   // of `files`, those given by --fuse, in order
  std::vector<std::string> filtering_families;  // those whose filter dropped a transform
  std::vector<std::string> notes;               // how the rules were chosen
};

}  // namespace tenon
