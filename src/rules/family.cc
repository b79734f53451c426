#include "rules/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "rules/invert.h"
#include "rules/key_rewriter.h"
#include "rules/language/expression.h"
#include "rules/operations/bundles.h"
#include "rules/operations/layout_operation.h"
#include "rules/pattern.h"
#include "rules/qualifier.h"
#include "rules/resolve.h"

namespace tenon {
namespace {

using Json = nlohmann::ordered_json;
using Modules = std::set<std::string, std::less<>>;

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
      set.filtered.push_back(std::move(t));
    } else {
      kept.push_back(std::move(t));
    }
  }
  if (kept.size() < set.transforms.size()) set.filtering_families.push_back(family.name);
  set.transforms = std::move(kept);
}

bool do_the_same(const Transform& a, const Transform& b) {
  return a.source_patterns == b.source_patterns && a.target_patterns == b.target_patterns &&
         std::equal(a.operations.begin(), a.operations.end(), b.operations.begin(), b.operations.end(),
                    [](const Operation& x, const Operation& y) { return name_of(x) == name_of(y); });
}

// Modules of which an earlier family does what this one would do are that one's.
void leave_to_others(const RuleFile& family, const RuleSet& set, Modules& modules, Diagnostics& diagnostics) {
  const bool had_some = !modules.empty();
  for (const auto& mine : family.transforms) {
    for (const auto& other : set.transforms) {
      if (!other.from_family || !other.modules || !do_the_same(mine, other)) continue;
      for (const auto& module : *other.modules) modules.erase(module);
    }
  }
  if (had_some && modules.empty())
    diagnostics.error("family-unmatched"_id, family.fusable->place,
                      fmt::format("what family '{}' would do is done by another already", family.name));
}

// Families of other modules are none of each other's.
bool are_apart(const Modules* a, const Modules* b) {
  return a != nullptr && b != nullptr &&
         std::none_of(a->begin(), a->end(), [&](const std::string& module) { return b->contains(module); });
}

void check_conflicts(const RuleFile& family, const Modules* modules, const RuleSet& set,
                     Diagnostics& diagnostics) {
  for (const auto& mine : family.transforms) {
    for (const auto& other : set.transforms) {
      if (mine.source_patterns != other.source_patterns || are_apart(modules, other.modules.get())) continue;
      diagnostics.error(
          "family-conflict"_id, mine.place,
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

// ".qkv_proj.weight" of the pattern `\.qkv_proj\.weight$`: what the family makes below a module; nothing
// where a number or a group is in it.
std::vector<std::string> names_made(const RuleFile& family) {
  std::vector<std::string> out;
  for (const Transform& t : family.transforms) {
    for (const auto& pattern : t.target_patterns) {
      std::string text = target_as_text(pattern).text;
      if (text.starts_with('.') && text.find_first_of("*\\") == std::string::npos)
        out.push_back(std::move(text));
    }
  }
  return out;
}

// What stands against taking the tensor apart by these operations; "" where nothing does.
std::string misfit_of(const Transform& back, std::uint32_t index, const Tensor& tensor) {
  std::vector<Entry> entries{{false, 0, {}, {identity_view(index, tensor.dtype, tensor.shape)}, {}}};
  const Facts known;
  const std::vector<LayoutAssumption> none;
  Facts found;
  std::vector<std::string> notes;
  std::vector<CutOff> cuts;
  OperationContext context{back, tensor.key, false, known, none, found, notes, cuts, 0, tensor.key};
  try {
    for (std::size_t i = 0; i < back.operations.size(); ++i) {
      context.position = back.operations.size() - 1 - i;
      apply_operation(back.operations[i], context, entries);
    }
  } catch (const OperationError& error) {
    return error.id == "rule-op-parts" ? error.message : "";
  }
  return "";
}

// Why a module that holds nothing of what the family takes is left alone: it has what the family makes.
std::string has_already(const std::string& module, const std::vector<std::string>& names,
                        const Shapes& tensors) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const auto& name) { return tensors.contains(module + name); });
  return found == names.end() ? "" : fmt::format("it has {} already", found->substr(1));
}

// On the way back without a manifest: modules with a tensor of the family's name that does not come apart as
// the family's do (another attention's qkv_proj, of other sizes).
void leave_misfits_alone(const Checkpoint& checkpoint, const std::string& name,
                         std::vector<Transform>& transforms, RuleSet& set) {
  Modules misfits;
  std::string why;
  for (const Transform& t : transforms) {
    if (t.kind != TransformKind::kWeightConverter) continue;
    const Transform back = invert(t);
    if (back.source_patterns.size() != 1) continue;
    KeyRewriter rewriter(back);
    for (std::uint32_t i = 0; i < checkpoint.tensors.size(); ++i) {
      const Tensor& tensor = checkpoint.tensors[i];
      const auto rewrite = tensor.key.ends_with(".weight") ? rewriter.apply(tensor.key) : std::nullopt;
      if (!rewrite) continue;
      std::string problem = misfit_of(back, i, tensor);
      if (problem.empty()) continue;
      misfits.insert(tensor.key.substr(0, rewrite->at));
      if (why.empty()) why = std::move(problem);
    }
  }
  if (misfits.empty()) return;
  set.notes.push_back(
      fmt::format("{}: leaves {} alone: {}", name, join_some({misfits.begin(), misfits.end()}, 3), why));
  const auto shared = std::make_shared<const Modules>(std::move(misfits));
  for (Transform& t : transforms) t.left_alone = shared;
}

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
      diagnostics.error("family-condition"_id, fusable.place,
                        fmt::format("family '{}' wants {}, which does not hold", family.name, condition));
      return out;
    }
  }
  Qualifier qualifier(fusable, tensors, config);
  const std::vector<std::string> made = names_made(family);
  std::map<std::string, std::vector<std::string>> left_alone;
  for (const auto& module : modules_of(tensors)) {
    if (!any_matches(fusable.modules, module) || any_matches(fusable.except, module)) continue;
    auto obstacle = qualifier.obstacle(module);
    if (!obstacle) {
      obstacle = has_already(module, made, tensors);
      if (obstacle->empty()) continue;
    }
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
    diagnostics.error("family-unmatched"_id, fusable.place,
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
          "family-siblings"_id, fuse.place,
          fmt::format("'{}' and '{}' have different parents", fuse.modules.front(), glob),
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
      diagnostics.error("family-unmatched"_id, fuse.place,
                        fmt::format("'{}.{}' matches no module of this checkpoint", parent_glob, child));
    }
  }
  if (family.fusable) return;  // it says which parents qualify; the others are left alone, with the reason
  for (const auto& [parent, have] : held) {
    for (const auto& child : children) {
      if (!have.contains(child))
        diagnostics.error("family-siblings"_id, fuse.place,
                          fmt::format("'{}' has no '{}' to fuse", parent, child));
    }
  }
}

}  // namespace

void apply_family(const RuleFile& family, Layout to, const Checkpoint& checkpoint, RuleSet& set,
                  Diagnostics& diagnostics) {
  filter_transforms(family, set);
  std::shared_ptr<const Modules> modules;
  if (to == Layout::kFused && (family.fusable || family.fuse)) {
    std::vector<std::string> storage;
    const Shapes tensors = tensors_met(family, checkpoint, set, storage);
    if (family.fuse) check_siblings(family, tensors, diagnostics);
    if (family.fusable) {
      Modules qualified = qualifying_modules(family, tensors, checkpoint.config, set, diagnostics);
      leave_to_others(family, set, qualified, diagnostics);
      modules = std::make_shared<const Modules>(std::move(qualified));
    }
  }
  check_conflicts(family, modules.get(), set, diagnostics);
  // With no module to work on there is nothing that a config value could be missing for.
  const bool idle = modules != nullptr && modules->empty();
  std::vector<Transform> added;
  for (Transform t : idle ? std::vector<Transform>{} : family.transforms) {
    t.from_family = true;
    t.modules = modules;
    resolve(t, checkpoint.config, diagnostics);
    added.push_back(std::move(t));
  }
  if (to == Layout::kOriginal && !checkpoint.manifest && !diagnostics.has_errors())
    leave_misfits_alone(checkpoint, family.name, added, set);
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
  set.copies.insert(set.copies.end(), family.copies.begin(), family.copies.end());
  set.config_changes.insert(set.config_changes.end(), family.config_changes.begin(),
                            family.config_changes.end());
}

}  // namespace tenon
