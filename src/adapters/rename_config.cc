#include "adapters/rename_config.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;

std::size_t parts_in(const std::string& name) {
  return static_cast<std::size_t>(std::count(name.begin(), name.end(), '.')) + 1;
}

void add_once_to(std::vector<std::string>& list, const std::string& entry) {
  if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
}

// As long a name as `entry` was of the old one; the whole where it was the whole.
std::string entry_for(const std::string& entry, const std::string& old_name, const std::string& name) {
  return entry == old_name ? name : last_parts(name, parts_in(entry));
}

class ConfigRenaming {
 public:
  ConfigRenaming(const AdapterConfig& config, const Adapter& adapter, const FollowedAdapter& followed)
      : config_(config), adapter_(adapter), followed_(followed), made_of_(adapter.pairs.size()) {
    for (std::size_t i = 0; i < followed.pairs.size(); ++i) {
      for (const std::size_t source : followed.pairs[i].sources) made_of_[source].push_back(i);
    }
  }

  Json run(const WholeNames& whole, std::optional<bool> turned) {
    Json out = config_.json();
    rename_targets(out);
    rename_saved(out, whole);
    if (!is_unchanged()) set_patterns(out);
    if (turned) out["fan_in_fan_out"] = *turned;
    return out;
  }

 private:
  // Then every entry says what it said.
  bool is_unchanged() const {
    return followed_.pairs.size() == adapter_.pairs.size() &&
           std::all_of(followed_.pairs.begin(), followed_.pairs.end(), [&](const FollowedPair& made) {
             const LoraPair& before = adapter_.pairs[made.sources.front()];
             return made.sources.size() == 1 && module_of(before) == module_of(made.pair) &&
                    before.rank == made.pair.rank && before.alpha == made.pair.alpha;
           });
  }

  bool is_parameter(std::size_t made) const {
    return followed_.pairs[made].pair.form == PairForm::kParameter;
  }

  std::string name_of_made(std::size_t made) const { return module_of(followed_.pairs[made].pair); }

  void rename_targets(Json& out) {
    std::vector<std::string> modules;
    std::vector<std::string> parameters;
    for (const char* const list : {"target_modules", "target_parameters"}) {
      const bool from_parameters = list == std::string("target_parameters");
      for (const auto& entry : config_.list(list)) {
        bool found = false;
        for (std::size_t i = 0; i < adapter_.pairs.size(); ++i) {
          const LoraPair& pair = adapter_.pairs[i];
          if ((pair.form == PairForm::kParameter) != from_parameters || !is_named_by(module_of(pair), entry))
            continue;
          for (const std::size_t made : made_of_[i]) {
            found = true;
            const std::string name = name_of_made(made);
            if (is_parameter(made)) {
              add_once_to(parameters,
                          from_parameters ? entry_for(entry, module_of(pair), name) : last_parts(name, 3));
            } else {
              add_once_to(modules,
                          from_parameters ? last_parts(name, 1) : entry_for(entry, module_of(pair), name));
            }
          }
        }
        if (!found) add_once_to(from_parameters ? parameters : modules, entry);
      }
    }
    put_targets(out, modules, parameters);
  }

  // A pattern of names, or "all-linear", names what it named as long as no name has changed.
  void put_targets(Json& out, std::vector<std::string> modules, std::vector<std::string> parameters) {
    const auto targets = out.find("target_modules");
    const bool is_text = targets != out.end() && targets->is_string();
    if (is_text) {
      bool changed = false;
      for (std::size_t i = 0; i < followed_.pairs.size(); ++i) {
        const auto& sources = followed_.pairs[i].sources;
        changed = changed || sources.size() != 1 || module_of(adapter_.pairs[sources[0]]) != name_of_made(i);
        if (is_parameter(i)) {
          const bool was = adapter_.pairs[sources[0]].form == PairForm::kParameter;
          if (!was) add_once_to(parameters, last_parts(name_of_made(i), 3));
        } else {
          add_once_to(modules, name_of_made(i));
        }
      }
      if (changed && *targets != "all-linear") out["target_modules"] = modules;
    } else if (targets != out.end() || !modules.empty()) {
      out["target_modules"] = modules;
    }
    if (!parameters.empty()) {
      out["target_parameters"] = parameters;
    } else if (out.contains("target_parameters") && out["target_parameters"].is_array()) {
      out["target_parameters"] = nullptr;
    }
  }

  void rename_saved(Json& out, const WholeNames& whole) {
    const auto saved = config_.list("modules_to_save");
    if (saved.empty()) return;
    std::vector<std::string> renamed;
    for (const auto& entry : saved) {
      bool found = false;
      for (const auto& [before, after] : whole) {
        const std::string module = parent_of(before);
        if (!is_named_by(module, entry)) continue;
        found = true;
        add_once_to(renamed, entry_for(entry, module, parent_of(after)));
      }
      if (!found) add_once_to(renamed, entry);
    }
    out["modules_to_save"] = renamed;
  }

  // Entries for what is not as `r` and `lora_alpha` say: by the last part of a name where that is enough.
  void set_patterns(Json& out) {
    const auto rank = [](const LoraPair& pair) { return Json(pair.rank); };
    const auto alpha = [](const LoraPair& pair) {
      const bool whole = pair.alpha == std::floor(pair.alpha) && std::fabs(pair.alpha) < 1e15;
      return whole ? Json(static_cast<std::int64_t>(pair.alpha)) : Json(pair.alpha);
    };
    set_pattern(out, "rank_pattern", out.at("r"), rank);
    set_pattern(out, "alpha_pattern", out.contains("lora_alpha") ? out.at("lora_alpha") : Json(8), alpha);
  }

  void set_pattern(Json& out, const char* name, const Json& usual,
                   const std::function<Json(const LoraPair&)>& value_of) {
    std::map<std::string, std::vector<Json>> by_last;
    for (const auto& made : followed_.pairs) {
      auto& values = by_last[last_parts(module_of(made.pair), 1)];
      const Json value = value_of(made.pair);
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
    Json pattern = Json::object();
    for (const auto& made : followed_.pairs) {
      const Json value = value_of(made.pair);
      const std::string last = last_parts(module_of(made.pair), 1);
      const auto& values = by_last[last];
      if (values.size() == 1) {
        if (value != usual) pattern[last] = value;
      } else if (value != usual) {
        pattern[module_of(made.pair)] = value;
      }
    }
    if (!pattern.empty() || out.contains(name)) out[name] = pattern;
  }

  const AdapterConfig& config_;
  const Adapter& adapter_;
  const FollowedAdapter& followed_;
  std::vector<std::vector<std::size_t>> made_of_;  // by old pair: the new ones
};

}  // namespace

Json renamed_config(const AdapterConfig& config, const Adapter& adapter, const FollowedAdapter& followed,
                    const WholeNames& whole, std::optional<bool> turned) {
  return ConfigRenaming(config, adapter, followed).run(whole, turned);
}

std::vector<ConfigEdit> edits_between(const Json& before, const Json& after) {
  std::vector<ConfigEdit> out;
  for (const auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    if (old == before.end()) {
      out.push_back({key, std::nullopt, value});
    } else if (*old != value) {
      out.push_back({key, *old, value});
    }
  }
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) out.push_back({key, value, std::nullopt});
  }
  return out;
}

std::optional<Json> with_edits_undone(const Json& config, const std::vector<ConfigEdit>& edits) {
  Json out = config;
  for (const auto& edit : edits) {
    const auto now = out.find(edit.path);
    const bool same = edit.after ? now != out.end() && *now == *edit.after : now == out.end();
    if (!same) return std::nullopt;
    if (edit.before) {
      out[edit.path] = *edit.before;
    } else {
      out.erase(edit.path);
    }
  }
  return out;
}

}  // namespace tenon
