#include "lint/check_against.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "checkpoint/config.h"
#include "checkpoint/file.h"
#include "plan/build_plan.h"
#include "plan/map_keys.h"
#include "rules/choose_rules.h"
#include "rules/operations/layout_operation.h"

namespace tenon {
namespace {

bool joins(const Transform& t) {
  return std::any_of(t.operations.begin(), t.operations.end(),
                     [](const Operation& o) { return o->row().arity.joins(); });
}

class AgainstCheckpoint {
 public:
  AgainstCheckpoint(const RuleFile& file, const Library& library, const Checkpoint& checkpoint,
                    Findings& findings)
      : file_(file), checkpoint_(checkpoint), findings_(findings) {
    Diagnostics diagnostics;
    rules_ = flatten(file, checkpoint.config, library, diagnostics);
    auto keys = file.keys.find(architecture_of(checkpoint.config));
    if (keys == file.keys.end()) keys = file.keys.find("");
    if (keys != file.keys.end()) rules_.fused_keys = keys->second;
    for (const auto& d : diagnostics.all()) {
      if (d.severity == Severity::kError) report(d);
    }
    resolved_ = !diagnostics.has_errors();
  }

  void run() {
    map_keys();
    drops_that_find_nothing();
    half_matches();
    square_transposes();
    unclaimed();
    if (resolved_ && !explained_) convert();
  }

 private:
  struct Group {
    std::set<int> patterns;
    std::string example;
  };

  void report(const Diagnostic& d) {
    Place place = d.place;
    // What is wrong is the rule's: the key is said beside it.
    if (!d.rule.file.empty()) {
      place = d.rule;
      place.inside = d.place.inside;
    }
    findings_.add(d.id == "rope-without-heads"_id ? d.id : "cannot-convert"_id, std::move(place), d.message,
                  d.hint);
  }

  void map_keys() {
    const FusedKeys fused_keys(rules_.fused_keys, rules_.base_model_prefix);
    KeyMapper mapper(rules_.transforms, true, fused_keys);
    for (const auto& tensor : checkpoint_.tensors) {
      const MappedKey mapped = mapper.map(tensor.key);
      if (mapped.converter >= 0) {
        Group& group = groups_[{mapped.converter, mapped.key}];
        group.patterns.insert(mapped.rewrite->alternative);
        group.example = tensor.key;
        converter_of_[tensor.key] = mapped.converter;
      } else if (fused_keys.known() ? !fused_keys.contains(mapped.key) : mapped.key == tensor.key) {
        if (!dropped(tensor.key)) unclaimed_.push_back(tensor.key);
      }
    }
    const auto used = mapper.used();
    for (std::size_t i = 0; i < used.size(); ++i) {
      const Transform& t = rules_.transforms[i];
      if (used[i] || t.rule != file_.name) continue;
      findings_.add("matches-nothing"_id, t.place,
                    fmt::format("no key of {} matches '{}'", checkpoint_.directory.string(),
                                fmt::join(t.source_patterns, "' or '")),
                    nearest_key(t), t.index);
    }
  }

  void drops_that_find_nothing() {
    for (const DropRule& drop : rules_.drops) {
      for (const auto& glob : drop.keys) {
        if (std::any_of(checkpoint_.tensors.begin(), checkpoint_.tensors.end(),
                        [&](const Tensor& t) { return glob_matches(glob, t.key); }))
          continue;
        findings_.add("matches-nothing"_id, drop.place,
                      fmt::format("no key of {} matches drop '{}'", checkpoint_.directory.string(), glob),
                      near_text(glob));
      }
    }
  }

  bool dropped(const std::string& key) const {
    return std::any_of(rules_.drops.begin(), rules_.drops.end(), [&](const DropRule& drop) {
      return std::any_of(drop.keys.begin(), drop.keys.end(),
                         [&](const auto& glob) { return glob_matches(glob, key); });
    });
  }

  std::string nearest_key(const Transform& t) const { return near_text(t.source_patterns.front()); }

  std::string near_text(const std::string& wanted) const {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < std::min<std::size_t>(checkpoint_.tensors.size(), 2000); ++i)
      keys.push_back(checkpoint_.tensors[i].key);
    const auto near = nearest(wanted, keys, 1);
    return near.empty() ? "" : fmt::format("The nearest key is '{}'.", near.front());
  }

  void half_matches() {
    std::set<int> reported;
    for (const auto& [at, group] : groups_) {
      const Transform& t = rules_.transforms[static_cast<std::size_t>(at.first)];
      if (!joins(t) || group.patterns.size() == t.source_patterns.size()) continue;
      explained_ = true;
      if (!reported.insert(at.first).second) continue;
      std::vector<std::string> missing;
      for (std::size_t i = 0; i < t.source_patterns.size(); ++i) {
        if (!group.patterns.contains(static_cast<int>(i)))
          missing.push_back("'" + t.source_patterns[i] + "'");
      }
      findings_.add("half-match"_id, t.place,
                    fmt::format("'{}' is there, but nothing matches {}", group.example, join_some(missing)),
                    "All parts of a fused tensor must be in the checkpoint.", t.index);
    }
  }

  void square_transposes() {
    std::set<int> reported;
    for (const auto& tensor : checkpoint_.tensors) {
      const auto found = converter_of_.find(tensor.key);
      if (found == converter_of_.end()) continue;
      const Transform& t = rules_.transforms[static_cast<std::size_t>(found->second)];
      for (const auto& operation : t.operations) {
        const auto swapped = operation->swaps_by_shape();
        if (!swapped || !square(tensor.shape, *swapped)) continue;
        explained_ = true;
        if (!reported.insert(found->second).second) continue;
        findings_.add("square-transpose"_id, operation.place,
                      fmt::format("'{}' is {}: its shape does not say whether it is transposed", tensor.key,
                                  to_string(tensor.shape)),
                      "Declare the layout: --assume-layout 'GLOB=original' or 'GLOB=fused'.", t.index);
      }
    }
  }

  static bool square(const Shape& shape, const std::pair<int, int>& dims) {
    const auto a = dimension_index(dims.first, shape.size());
    const auto b = dimension_index(dims.second, shape.size());
    return a && b && shape[*a] == shape[*b];
  }

  void unclaimed() {
    if (unclaimed_.empty()) return;
    const bool known = !rules_.fused_keys.empty();
    findings_.add("unclaimed"_id, place_of(file_.path),
                  fmt::format("{} of {} tensors {}: {}", unclaimed_.size(), checkpoint_.tensors.size(),
                              known ? "have no place in the fused layout" : "pass through untouched",
                              join_some(unclaimed_, 3)),
                  known ? "Rename them, or name them under `drop` with the reason." : "");
  }

  // What is left for the plan itself to find: collisions, gaps, shapes, the way back.
  void convert(const Options& options = {}) {
    try {
      build_plan(checkpoint_, rules_, options);
    } catch (const UserError& e) {
      const ErrorId id = e.diagnostics().front().id;
      if (options.assume_layout.empty() && (id == "plan-already-there" || id == "plan-either-layout")) {
        Options assumed;
        assumed.assume_layout = {{"**", false}};
        convert(assumed);  // lint asks what the rules would do with these keys
        return;
      }
      for (const auto& d : e.diagnostics()) {
        if (d.severity == Severity::kError) report(d);
      }
    }
  }

  const RuleFile& file_;
  const Checkpoint& checkpoint_;
  Findings& findings_;
  RuleSet rules_;
  std::map<std::pair<int, std::string>, Group> groups_;
  std::map<std::string, int> converter_of_;
  std::vector<std::string> unclaimed_;
  bool resolved_ = true;
  bool explained_ = false;  // a finding already says why the checkpoint cannot be converted
};

}  // namespace

void lint_against(const RuleFile& file, const Library& library, const Checkpoint& checkpoint,
                  Findings& findings) {
  try {
    AgainstCheckpoint(file, library, checkpoint, findings).run();
  } catch (const UserError& e) {
    for (const auto& d : e.diagnostics()) findings.add("cannot-convert"_id, d.place, d.message, d.hint);
  }
}

}  // namespace tenon
