#include "rules/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "rules/expression.h"
#include "rules/key_rewriter.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;
using Modules = std::set<std::string, std::less<>>;
using Shapes = std::map<std::string, const Shape*, std::less<>>;

// Drops the transforms whose patterns the family's filters find.
void filter_transforms(const RuleFile& family, RuleSet& set) {
  if (family.filters.empty()) return;
  const Pattern filter(family.filters, {family.path.string(), 0, 0, {}, "filter", ""});
  const auto hit = [&](const std::vector<std::string>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const auto& p) { return filter.search(p).has_value(); });
  };
  std::vector<Transform> kept;
  for (auto& t : set.transforms) {
    if (hit(t.source_patterns) || hit(t.target_patterns)) {
      set.notes.push_back(fmt::format("{}: leaves out {}", family.name, describe(t)));
    } else {
      kept.push_back(std::move(t));
    }
  }
  if (kept.size() < set.transforms.size()) set.filtering_families.push_back(family.name);
  set.transforms = std::move(kept);
}

void check_conflicts(const RuleFile& family, const RuleSet& set, Diagnostics& diagnostics) {
  for (const auto& mine : family.transforms) {
    for (const auto& other : set.transforms) {
      if (mine.source_patterns != other.source_patterns) continue;
      diagnostics.error(
          mine.place,
          fmt::format("family '{}' is in conflict with {}: both take {}", family.name, describe(other),
                      fmt::join(mine.source_patterns, ", ")),
          "Only the first of them would ever apply: use one of the two, or filter the other out.");
    }
  }
}

// The checkpoint's tensors under the names that the family meets: those that the model's renamings leave, or
// the source's own.
Shapes tensors_met(const RuleFile& family, const Checkpoint& checkpoint, const RuleSet& set,
                   std::vector<std::string>& storage) {
  std::vector<KeyRewriter> renamings;
  for (const auto& t : set.transforms) {
    if (!family.before && t.kind != TransformKind::kWeightConverter) renamings.emplace_back(t);
  }
  storage.reserve(checkpoint.tensors.size());
  Shapes out;
  for (const auto& tensor : checkpoint.tensors) {
    std::string key = tensor.key;
    for (auto& renaming : renamings) {
      if (auto rewrite = renaming.apply(key)) key = std::move(rewrite->key);
    }
    storage.push_back(std::move(key));
    out.emplace(storage.back(), &tensor.shape);
  }
  return out;
}

Modules modules_of(const Shapes& tensors) {
  Modules out = {""};
  for (const auto& [key, shape] : tensors) {
    for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1))
      out.insert(key.substr(0, dot));
  }
  return out;
}

// A leading `**.` also matches nothing: `**.patch_embed` finds a `patch_embed` at the root.
bool module_matches(const std::string& glob, const std::string& module) {
  return glob_matches(glob, module) ||
         (glob.starts_with("**.") && glob_matches(std::string_view(glob).substr(3), module));
}

bool any_matches(const std::vector<std::string>& globs, const std::string& module) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const auto& glob) { return module_matches(glob, module); });
}

class Qualifier {
 public:
  Qualifier(const Fusable& fusable, const Shapes& tensors, const Json& config)
      : fusable_(fusable), tensors_(tensors), config_(config) {}

  // Why the module cannot be fused, or "" where it can. Nothing at all where it holds none of the tensors:
  // then the glob just matched a module of another make.
  std::optional<std::string> obstacle(const std::string& module) {
    bool holds_any = false;
    std::string reason;
    for (const auto& wanted : fusable_.tensors) {
      const auto found = tensors_.find(below(module, wanted.name));
      if (found == tensors_.end()) {
        if (!wanted.optional && reason.empty()) reason = fmt::format("it has no {}", wanted.name);
        continue;
      }
      holds_any = true;
      if (reason.empty()) reason = misfit(wanted, *found->second);
    }
    if (!holds_any) return std::nullopt;
    for (const auto& name : fusable_.absent) {
      if (reason.empty() && tensors_.contains(below(module, name))) reason = fmt::format("it has {}", name);
    }
    return reason.empty() ? incomplete_group(module) : reason;
  }

 private:
  static std::string below(const std::string& module, const std::string& name) {
    return module.empty() ? name : module + "." + name;
  }

  std::string misfit(const FusableTensor& wanted, const Shape& shape) {
    const bool rank_known = wanted.rank || !wanted.shape.empty();
    const std::size_t rank = wanted.rank ? static_cast<std::size_t>(*wanted.rank) : wanted.shape.size();
    if (rank_known && shape.size() != rank) {
      return fmt::format("{} has {} dimensions, not {}", wanted.name, shape.size(), rank);
    }
    for (std::size_t i = 0; i < wanted.shape.size(); ++i) {
      if (!wanted.shape[i]) continue;
      const std::int64_t extent = value_of(*wanted.shape[i]);
      if (shape[i] != extent) {
        return fmt::format("{} is {}, dimension {} should be {} ({})", wanted.name, to_string(shape), i,
                           extent, wanted.shape[i]->text);
      }
    }
    return "";
  }

  std::int64_t value_of(const Number& n) {
    if (n.value) return *n.value;
    const auto [at, fresh] = values_.try_emplace(n.text, 0);
    if (fresh) at->second = evaluate_integer(n.text, config_, n.place);
    return at->second;
  }

  std::string incomplete_group(const std::string& module) const {
    for (const auto& group : fusable_.together) {
      const auto held = std::count_if(group.begin(), group.end(),
                                      [&](const auto& n) { return tensors_.contains(below(module, n)); });
      if (held != 0 && held != static_cast<std::ptrdiff_t>(group.size())) {
        return fmt::format("it has some but not all of {}", fmt::join(group, ", "));
      }
    }
    return "";
  }

  const Fusable& fusable_;
  const Shapes& tensors_;
  const Json& config_;
  std::map<std::string, std::int64_t> values_;
};

Modules qualifying_modules(const RuleFile& family, const Shapes& tensors, const Json& config, RuleSet& set,
                           Diagnostics& diagnostics) {
  const Fusable& fusable = *family.fusable;
  Modules out;
  for (const auto& condition : fusable.when) {
    bool holds = false;
    try {
      const Json value = evaluate(condition, config, fusable.place);
      holds = value.is_boolean() && value.get<bool>();
    } catch (const UserError&) {  // an absent key makes the condition false
    }
    if (!holds) {
      diagnostics.error(fusable.place,
                        fmt::format("family '{}' wants {}, which does not hold", family.name, condition));
      return out;
    }
  }
  Qualifier qualifier(fusable, tensors, config);
  std::map<std::string, std::vector<std::string>> left_alone;
  for (const auto& module : modules_of(tensors)) {
    if (!any_matches(fusable.modules, module) || any_matches(fusable.except, module)) continue;
    const auto obstacle = qualifier.obstacle(module);
    if (!obstacle) continue;
    if (obstacle->empty()) {
      out.insert(module);
    } else {
      left_alone[*obstacle].push_back(module);
    }
  }
  for (const auto& [reason, modules] : left_alone) {
    set.notes.push_back(fmt::format("{}: leaves {} alone: {}", family.name, join_some(modules, 3), reason));
  }
  const bool filtered = std::find(set.filtering_families.begin(), set.filtering_families.end(),
                                  family.name) != set.filtering_families.end();
  if (out.empty() && !filtered) {
    std::string hint = fmt::format("It looks for {}.", fmt::join(fusable.modules, ", "));
    for (const auto& [reason, modules] : left_alone)
      hint += fmt::format(" {}: {}.", join_some(modules, 2), reason);
    diagnostics.error(fusable.place,
                      fmt::format("family '{}' fits no module of this checkpoint", family.name), hint);
  }
  return out;
}

// n-to-1 fusion: the globs share one parent, and every parent that one of them matches has all the children.
void check_siblings(const RuleFile& family, const Shapes& tensors, Diagnostics& diagnostics) {
  const FuseModules& fuse = *family.fuse;
  const auto split = [](const std::string& glob) {
    const std::size_t dot = glob.rfind('.');
    return dot == std::string::npos ? std::pair<std::string, std::string>("", glob)
                                    : std::pair(glob.substr(0, dot), glob.substr(dot + 1));
  };
  const std::string parent_glob = split(fuse.modules.front()).first;
  std::vector<std::string> children;
  for (const auto& glob : fuse.modules) {
    if (split(glob).first != parent_glob) {
      diagnostics.error(
          fuse.place, fmt::format("'{}' and '{}' have different parents", fuse.modules.front(), glob),
          "Modules that become one are siblings: give globs that differ in their last part only.");
      return;
    }
    children.push_back(split(glob).second);
  }
  const Modules modules = modules_of(tensors);
  std::map<std::string, std::set<std::string>> held;  // parent -> children it has
  for (const auto& module : modules) {
    const auto [parent, child] = split(module);
    if (std::find(children.begin(), children.end(), child) == children.end()) continue;
    if (parent_glob.empty() ? parent.empty() : module_matches(parent_glob, parent))
      held[parent].insert(child);
  }
  for (const auto& child : children) {
    const bool found =
        std::any_of(held.begin(), held.end(), [&](const auto& h) { return h.second.contains(child); });
    if (!found) {
      diagnostics.error(fuse.place,
                        fmt::format("'{}.{}' matches no module of this checkpoint", parent_glob, child));
    }
  }
  if (family.fusable) return;  // it says which parents qualify; the others are left alone, with the reason
  for (const auto& [parent, have] : held) {
    for (const auto& child : children) {
      if (!have.contains(child))
        diagnostics.error(fuse.place, fmt::format("'{}' has no '{}' to fuse", parent, child));
    }
  }
}

}  // namespace

void apply_family(const RuleFile& family, Layout to, const Checkpoint& checkpoint, RuleSet& set,
                  Diagnostics& diagnostics) {
  filter_transforms(family, set);
  check_conflicts(family, set, diagnostics);
  std::shared_ptr<const Modules> modules;
  if (to == Layout::kFused && (family.fusable || family.fuse)) {
    std::vector<std::string> storage;
    const Shapes tensors = tensors_met(family, checkpoint, set, storage);
    if (family.fuse) check_siblings(family, tensors, diagnostics);
    if (family.fusable) {
      modules = std::make_shared<const Modules>(
          qualifying_modules(family, tensors, checkpoint.config, set, diagnostics));
    }
  }
  // With no module to work on there is nothing that a config value could be missing for.
  const bool idle = modules != nullptr && modules->empty();
  std::vector<Transform> added;
  for (Transform t : idle ? std::vector<Transform>{} : family.transforms) {
    t.from_family = true;
    t.modules = modules;
    resolve(t, checkpoint.config, diagnostics);
    added.push_back(std::move(t));
  }
  // A family that goes before the model's own rules still goes behind the families given before it.
  auto at = set.transforms.end();
  if (family.before) {
    at = std::find_if(set.transforms.begin(), set.transforms.end(),
                      [](const Transform& t) { return !t.from_family; });
  }
  set.transforms.insert(at, added.begin(), added.end());
  set.files.push_back(family);
  set.families.push_back(family);
  set.drops.insert(set.drops.end(), family.drops.begin(), family.drops.end());
  set.config_changes.insert(set.config_changes.end(), family.config_changes.begin(),
                            family.config_changes.end());
}

}  // namespace tenon
