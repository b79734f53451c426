#include "rules/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "checkpoint/file.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

std::vector<RuleFile> heads_in(const fs::path& folder) {
  std::vector<RuleFile> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".yaml") continue;
    if (auto head = read_rule_head(entry.path())) {
      out.push_back(std::move(*head));
    } else {  // malformed: still found by name, so that using it reports why
      out.emplace_back();
      out.back().name = entry.path().stem();
      out.back().path = entry.path();
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

bool lists(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// 2: its architectures name this one; 1: the model type alone; 0: it does not apply.
int fit(const AppliesTo& applies, const std::string& model_type, const std::string& architecture) {
  const bool type_fits = lists(applies.model_types, model_type);
  if (!applies.architectures.empty()) {
    const bool named = !architecture.empty() && lists(applies.architectures, architecture);
    return named && (type_fits || applies.model_types.empty()) ? 2 : 0;
  }
  return type_fits ? 1 : 0;
}

fs::path locate(const std::vector<RuleFile>& heads, const std::string& name_or_path, std::string_view what,
                std::string_view list_command) {
  for (const auto& head : heads) {
    if (head.name == name_or_path) return head.path;
  }
  std::error_code ignored;
  const bool looks_like_path = name_or_path.find('/') != std::string::npos ||
                               name_or_path.ends_with(".yaml") || name_or_path.ends_with(".yml");
  if (looks_like_path && fs::is_regular_file(name_or_path, ignored)) return name_or_path;
  std::vector<std::string> names;
  for (const auto& head : heads) names.push_back(head.name);
  std::string hint = looks_like_path ? "There is no such file." : did_you_mean(name_or_path, names);
  if (hint.empty()) {
    hint = names.size() <= 12 ? fmt::format("There are: {}.", fmt::join(names, ", "))
                              : fmt::format("`{}` lists them.", list_command);
  }
  throw UserError({name_or_path, 0, 0, {}, "", ""}, fmt::format("no {} of this name", what), hint);
}

std::vector<fs::path> standard_places() {
  std::vector<fs::path> places;
  if (const char* given = std::getenv("TENON_RULES")) return {given};
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  places.push_back(program / "rules");
  places.push_back(program.parent_path() / "rules");
  places.push_back(program.parent_path() / "share/tenon/rules");
  return places;
}

}  // namespace

Library::Library(fs::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  if (!fs::is_directory(folder_ / "models", ignored)) {
    throw UserError(place_of(folder_), "this is no rule library: it has no folder models/");
  }
  models_ = heads_in(folder_ / "models");
  families_ = heads_in(folder_ / "fusions");
}

Library Library::standard() {
  const auto places = standard_places();
  std::vector<std::string> looked;
  std::error_code ignored;
  for (const auto& place : places) {
    if (fs::is_directory(place / "models", ignored)) {
      Library library(place);
      library.is_standard_ = true;
      return library;
    }
    looked.push_back(place.string());
  }
  throw UserError({"", 0, 0, {}, "", ""},
                  fmt::format("the rule library was not found in {}", fmt::join(looked, ", ")),
                  "Name its folder with --rules-dir or the environment variable TENON_RULES.");
}

fs::path Library::locate_model(const std::string& name_or_path) const {
  return locate(models_, name_or_path, "rule file", "tenon rules list");
}

fs::path Library::locate_family(const std::string& name_or_path) const {
  return locate(families_, name_or_path, "fusion family", "tenon rules list");
}

const RuleFile* Library::detect(const std::string& model_type, const std::string& architecture) const {
  const RuleFile* best = nullptr;
  const RuleFile* second = nullptr;
  int best_fit = 0;
  for (const auto& file : models_) {
    const int f = fit(file.applies_to, model_type, architecture);
    if (f == 0 || f < best_fit) continue;
    second = f == best_fit ? &file : nullptr;
    if (f > best_fit) best = &file;
    best_fit = f;
  }
  if (second != nullptr) {
    throw UserError(place_of(folder_),
                    fmt::format("the rule files {} and {} both apply to model type '{}', architecture '{}'",
                                best->name, second->name, model_type, architecture),
                    "Choose one with --rules.");
  }
  return best;
}

}  // namespace tenon
