// A part of a model that rules take out of the whole (`extract`), or put into it (`insert`): the text model
// of a vision-language one, the draft layers behind the last one. What is not of the part is not converted:
// it stays in the whole, and comes from there (`--into`).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "options/options.h"
#include "rules/language/operation.h"
#include "rules/language/transform.h"
#include "rules/language/yaml_reader.h"

namespace tenon {

struct ModelPart {
  /// `insert`: the original layout is the part's, the fused one the whole's; else the other way round
  bool inserts = false;
  /// where it stands in the whole: "model.language_model"
  std::string module;
  /// what that module is called in the part
  std::string name;
  /// of a list `module`: only its items from this number on, which are numbered from 0 in the part
  std::optional<Number> from;
  /// and only those below this one
  std::optional<Number> below;
  /// globs of the whole's keys that belong to the part as well, and of those that do not
  std::vector<std::string> keys;
  std::vector<std::string> except;
  /// the sub-config of the whole's config.json that is the part's: dotted; ".": all of it
  std::string config = ".";
  /// values beside that sub-config that stand in the part's config.json as well
  std::vector<std::string> keep;
  /// values that the part's config.json has of its own, by dotted path
  std::vector<std::pair<std::string, nlohmann::ordered_json>> set;
  /// the rule file's name
  std::string rule;
  Place place;

  /// Is it one of the part's tensors, by its key in the whole?
  bool holds(std::string_view key_in_whole) const;
  /// Is what a conversion to this layout reads the whole?
  bool source_is_whole(Layout to) const { return inserts == (to == Layout::kOriginal); }
  std::int64_t first() const { return from && from->value ? *from->value : 0; }
};

/// Reads the map below `extract` or `insert`.
ModelPart parse_model_part(const YamlFile& yaml, const YAML::Node& node, bool inserts, std::string rule,
                           Diagnostics& diagnostics);

/// Evaluates its numbers against config.json.
void resolve(ModelPart& part, const nlohmann::ordered_json& config, Diagnostics& diagnostics);

/// As a manifest keeps it, and read again.
nlohmann::ordered_json written(const ModelPart& part);
ModelPart model_part_of(const nlohmann::ordered_json& json, const std::string& file,
                        Diagnostics& diagnostics);

/// The renamings between the whole's names and the part's, in the order of their direction. `keys` are the
/// source's, which `is_whole` says what it is: the items that a list has are found there. Their numbers go on
/// from `index`.
std::vector<Transform> renamings_of(const ModelPart& part, const std::vector<std::string>& keys,
                                    bool is_whole, int index);

}  // namespace tenon
