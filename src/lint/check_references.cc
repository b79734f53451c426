// What a rule file says about other files, and what they say about the same checkpoints.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "checkpoint/file.h"
#include "lint/checks.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

// A folder of a rule library, in which files are found by their names; elsewhere rules are named by their
// path.
bool is_of_a_library(const fs::path& path) {
  const fs::path folder = path.parent_path().filename();
  return folder == "models" || folder == "fusions";
}

void lint_name(LintSubject& subject) {
  const std::string stem = subject.file.path.stem().string();
  if (subject.file.name == stem || !is_of_a_library(subject.file.path)) return;
  Place place = place_of(subject.file.path);
  subject.findings.add("name-differs"_id, place,
                       fmt::format("the file '{}' holds the rules '{}'", stem, subject.file.name),
                       "Rules are found by their file's name: make the two equal.");
}

// Reads a file that another one names; what is wrong is said at `place`.
std::optional<RuleFile> named_file(LintSubject& subject, const std::string& name, const Place& place) {
  Diagnostics inside;
  try {
    RuleFile file = read_rule_file(subject.library.locate_model(name), inside);
    if (!inside.has_errors()) return file;
    subject.findings.add("missing-include"_id, place, fmt::format("the rules '{}' do not parse", name),
                         inside.all().front().message);
  } catch (const UserError& e) {
    subject.findings.add("missing-include"_id, place, fmt::format("there are no rules '{}'", name),
                         e.diagnostics().front().hint);
  }
  return std::nullopt;
}

// Does a file below `file` include one of those that led to it?
bool includes_again(const Library& library, const RuleFile& file, std::vector<fs::path>& way) {
  way.push_back(file.path);
  for (const auto& include : file.includes) {
    Diagnostics ignored;
    try {
      const RuleFile below = read_rule_file(library.locate_model(include.rules), ignored);
      const bool again =
          std::any_of(way.begin(), way.end(), [&](const auto& p) { return same_file(p, below.path); });
      if (again || includes_again(library, below, way)) return true;
    } catch (const UserError&) {  // reported where that file is linted
    }
  }
  way.pop_back();
  return false;
}

// Every transform that an include brings is taken by the transforms before it.
void lint_reach(LintSubject& subject, const Include& include) {
  std::size_t count = 0;
  std::size_t dead = 0;
  std::string witness;
  for (auto& probe : subject.probes) {
    if (probe.transform().rule != include.rules) continue;
    ++count;
    const auto taken = [&](const SampleKey& sample) {
      std::string key = sample.key;
      for (auto& earlier : subject.probes) {
        if (&earlier == &probe || earlier.transform().rule == include.rules) break;
        const auto rewrite = earlier.forward(key);
        if (!rewrite) continue;
        if (earlier.transform().kind == TransformKind::kWeightConverter) return true;
        key = rewrite->key;
      }
      return !probe.forward(key).has_value();
    };
    const auto& samples = probe.samples();
    if (samples.empty() || !std::all_of(samples.begin(), samples.end(), taken)) continue;
    ++dead;
    if (witness.empty()) witness = samples.front().key;
  }
  if (count == 0 || dead < count) return;
  subject.findings.add(
      "unreachable-include"_id, include.place,
      fmt::format("no transform of '{}' gets a key: '{}', for one, is taken before", include.rules, witness),
      "Take the include out, or put it first.");
}

void lint_includes(LintSubject& subject) {
  std::set<std::string> seen;
  for (const auto& include : subject.file.includes) {
    if (!seen.insert(include.rules).second && !include.scope) {
      subject.findings.add(
          "unreachable-include"_id, include.place,
          fmt::format("'{}' is included twice: the first takes all of its keys", include.rules),
          "Take one of them out.");
      continue;
    }
    const auto file = named_file(subject, include.rules, include.place);
    if (!file) continue;
    std::vector<fs::path> way = {subject.file.path};
    if (same_file(file->path, subject.file.path) || includes_again(subject.library, *file, way)) {
      subject.findings.add("include-cycle"_id, include.place,
                           fmt::format("the includes below '{}' come back to where they were", include.rules),
                           "Move what they share into a file of its own.");
      continue;
    }
    lint_reach(subject, include);
  }
}

void lint_submodels(LintSubject& subject) {
  for (const auto& submodel : subject.file.submodels) {
    if (!submodel.rules_for_any.empty()) named_file(subject, submodel.rules_for_any, submodel.place);
    for (const auto& [type, rules] : submodel.rules_by_model_type) named_file(subject, rules, submodel.place);
  }
}

std::vector<std::string> common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> out;
  for (const auto& item : a) {
    if (std::find(b.begin(), b.end(), item) != b.end()) out.push_back(item);
  }
  return out;
}

// A checkpoint that both files apply to, by model type and architecture or by the type alone.
void lint_detection(LintSubject& subject) {
  const AppliesTo& mine = subject.file.applies_to;
  for (const auto& other : subject.library.models()) {
    if (same_file(other.path, subject.file.path)) continue;
    const AppliesTo& theirs = other.applies_to;
    if (mine.architectures.empty() != theirs.architectures.empty()) continue;
    const auto types = common(mine.model_types, theirs.model_types);
    const auto architectures = common(mine.architectures, theirs.architectures);
    const bool types_meet = !types.empty() || (!mine.architectures.empty() &&
                                               (mine.model_types.empty() || theirs.model_types.empty()));
    if (!types_meet || (!mine.architectures.empty() && architectures.empty())) continue;
    const std::string by = architectures.empty() ? fmt::format("model type '{}'", types.front())
                                                 : fmt::format("architecture '{}'", architectures.front());
    subject.findings.add("ambiguous-detection"_id, {subject.file.path.string(), 0, 0, {}, "applies_to", ""},
                         fmt::format("'{}' applies to {} just as well", other.name, by),
                         "Name an `architectures` that only one of them has.");
  }
}

// The keys of a family's transform that another file takes with the very same patterns.
void lint_family(LintSubject& subject, const std::vector<RuleFile>& heads) {
  for (const auto& head : heads) {
    if (same_file(head.path, subject.file.path) || head.name == subject.file.name) continue;
    Diagnostics ignored;
    const RuleFile other = read_rule_file(head.path, ignored);
    for (auto& probe : subject.probes) {
      const auto same = std::find_if(
          other.transforms.begin(), other.transforms.end(),
          [&](const Transform& t) { return t.source_patterns == probe.transform().source_patterns; });
      if (!subject.is_own(probe) || same == other.transforms.end() || probe.samples().empty()) continue;
      subject.add("family-conflict"_id, probe,
                  fmt::format("'{}' is taken by {} too", probe.samples().front().key, describe(*same)),
                  "The two cannot be used together.");
    }
  }
}

}  // namespace

void lint_references(LintSubject& subject) {
  lint_name(subject);
  lint_includes(subject);
  lint_submodels(subject);
  lint_detection(subject);
  if (!subject.file.is_family) return;
  lint_family(subject, subject.library.families());
  lint_family(subject, subject.library.models());
}

}  // namespace tenon
