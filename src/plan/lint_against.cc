#include "plan/lint_against.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "checkpoint/file.h"
#include "plan/build_plan.h"
#include "plan/map_keys.h"
#include "rules/choose_rules.h"

namespace tenon {
namespace {

std::string architecture_of(const nlohmann::ordered_json& config) {
  const auto found = config.find("architectures");
  const bool named =
      found != config.end() && found->is_array() && !found->empty() && found->front().is_string();
  return named ? found->front().get<std::string>() : "";
}

bool joins(const Transform& t) {
  return std::any_of(t.operations.begin(), t.operations.end(), [](const Operation& o) {
    return std::holds_alternative<Concatenate>(o.does) || std::holds_alternative<MergeModulelist>(o.does);
  });
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
    findings_.add(d.id == "rope-without-heads" ? std::string_view(d.id) : "cannot-convert", d.place,
                  d.message, d.hint);
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
      findings_.add("matches-nothing", t.place,
                    fmt::format("no key of {} matches '{}'", checkpoint_.directory.string(),
                                fmt::join(t.source_patterns, "' or '")),
                    nearest_key(t), t.index);
    }
  }

  bool dropped(const std::string& key) const {
    return std::any_of(rules_.drops.begin(), rules_.drops.end(), [&](const DropRule& drop) {
      return std::any_of(drop.keys.begin(), drop.keys.end(),
                         [&](const auto& glob) { return glob_matches(glob, key); });
    });
  }

  std::string nearest_key(const Transform& t) const {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < std::min<std::size_t>(checkpoint_.tensors.size(), 2000); ++i)
      keys.push_back(checkpoint_.tensors[i].key);
    const auto near = nearest(t.source_patterns.front(), keys, 1);
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
      findings_.add("half-match", t.place,
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
        const auto* const transpose = std::get_if<Transpose>(&operation.does);
        if (transpose == nullptr || !transpose->check_dims || !square(tensor.shape, *transpose)) continue;
        explained_ = true;
        if (!reported.insert(found->second).second) continue;
        findings_.add("square-transpose", operation.place,
                      fmt::format("'{}' is {}: its shape does not say whether it is transposed", tensor.key,
                                  to_string(tensor.shape)),
                      "Declare the layout: --assume-layout 'GLOB=original' or 'GLOB=fused'.", t.index);
      }
    }
  }

  static bool square(const Shape& shape, const Transpose& o) {
    const auto extent = [&](int dim) -> std::int64_t {
      const auto rank = static_cast<int>(shape.size());
      const int at = dim < 0 ? dim + rank : dim;
      return at >= 0 && at < rank ? shape[static_cast<std::size_t>(at)] : -1 - dim;
    };
    return extent(o.dim0) == extent(o.dim1);
  }

  void unclaimed() {
    if (unclaimed_.empty()) return;
    const bool known = !rules_.fused_keys.empty();
    findings_.add("unclaimed", place_of(file_.path),
                  fmt::format("{} of {} tensors {}: {}", unclaimed_.size(), checkpoint_.tensors.size(),
                              known ? "have no place in the fused layout" : "pass through untouched",
                              join_some(unclaimed_, 3)),
                  known ? "Rename them, or name them under `drop` with the reason." : "");
  }

  // What is left for the plan itself to find: collisions, gaps, shapes, the way back.
  void convert() {
    try {
      build_plan(checkpoint_, rules_, {});
    } catch (const UserError& e) {
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
    for (const auto& d : e.diagnostics()) findings.add("cannot-convert", d.place, d.message, d.hint);
  }
}

}  // namespace tenon
