#include "rules/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numeric>

#include "base/own_folder.h"
#include "base/text.h"
#include "checkpoint/file.h"
#include "checkpoint/json_text.h"
#include "rules/parse_rules.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxRegistryBytes = 16'000'000;

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

// registry.json; null where the folder is a library of somebody's own without one.
nlohmann::ordered_json registry_in(const fs::path& folder) {
  const fs::path path = folder / "registry.json";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return nullptr;
  return parse_json(read_text_file(path, kMaxRegistryBytes), path.string());
}

// What it says of classes.
std::map<std::string, std::pair<std::string, std::string>> classes_in(
    const nlohmann::ordered_json& document) {
  std::map<std::string, std::pair<std::string, std::string>> out;
  if (!document.is_object()) return out;
  const auto classes = document.find("classes");
  if (classes == document.end() || !classes->is_object()) return out;
  for (const auto& [name, entry] : classes->items()) {
    if (!entry.is_object()) continue;
    const auto text = [&, &e = entry](const char* key) {
      const auto found = e.find(key);
      return found != e.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    out.emplace(name, std::pair(text("model_type"), text("rules")));
  }
  return out;
}

// The model types that the release knows and that have no rules.
std::set<std::string> other_types_in(const nlohmann::ordered_json& document) {
  std::set<std::string> out;
  if (!document.is_object()) return out;
  const auto types = document.find("other_types");
  if (types == document.end() || !types->is_array()) return out;
  for (const auto& type : *types) {
    if (type.is_string()) out.insert(type.get<std::string>());
  }
  return out;
}

std::string digits_of(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return c >= '0' && c <= '9'; });
  return out;
}

// One letter too many, too few, or two exchanged. Another letter, or a digit, tells models apart: llama and
// llava, mistral and mixtral.
bool is_slip(std::string_view a, std::string_view b) {
  if (digits_of(a) != digits_of(b)) return false;
  if (a.size() < b.size()) std::swap(a, b);
  if (a.size() > b.size() + 1) return false;
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const std::string_view rest_a(in_a, a.end());
  const std::string_view rest_b(in_b, b.end());
  if (a.size() > b.size()) return rest_a.substr(1) == rest_b;
  return rest_a.empty() || (rest_a.size() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] &&
                            rest_a.substr(2) == rest_b.substr(2));
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
  if (!looks_like_path && fs::is_regular_file(name_or_path + ".yaml", ignored)) {
    throw UserError("rules-unknown-name"_id, {name_or_path, 0, 0, {}, "", ""},
                    fmt::format("no {} of this name", what),
                    fmt::format("{0}.yaml is here: a file is named by its path, ./{0}.yaml.", name_or_path));
  }
  std::vector<std::string> names;
  for (const auto& head : heads) names.push_back(head.name);
  std::string hint = looks_like_path ? "There is no such file." : did_you_mean(name_or_path, names);
  if (hint.empty()) {
    hint = names.size() <= 12 ? fmt::format("There are: {}.", fmt::join(names, ", "))
                              : fmt::format("`{}` lists them.", list_command);
  }
  throw UserError("rules-unknown-name"_id, {name_or_path, 0, 0, {}, "", ""},
                  fmt::format("no {} of this name", what), hint);
}

// Where the library that came with tenon may be.
std::vector<fs::path> standard_places() {
  const fs::path own = own_folder();
  return {own / "rules", own.parent_path() / "rules", own.parent_path() / "share/tenon/rules",
          // Of a shared library in lib/x86_64-linux-gnu/.
          own.parent_path().parent_path() / "share/tenon/rules"};
}

// "a:b" as folders.
std::vector<fs::path> folders_in(std::string_view text) {
  std::vector<fs::path> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(':'), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool is_library(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_directory(folder / "models", ignored) || fs::is_directory(folder / "fusions", ignored);
}

// Those that no earlier folder has by that name.
void add_heads(std::vector<RuleFile> heads, std::vector<RuleFile>& out) {
  const std::size_t before = out.size();
  for (RuleFile& head : heads) {
    const auto has_name = [&](const RuleFile& other) { return other.name == head.name; };
    if (std::none_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(before), has_name))
      out.push_back(std::move(head));
  }
}

// By name. Files change places once each: they are large.
void sort_heads(std::vector<RuleFile>& heads) {
  std::vector<std::size_t> order(heads.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return heads[a].name < heads[b].name; });
  std::vector<RuleFile> sorted;
  sorted.reserve(heads.size());
  for (const std::size_t i : order) sorted.push_back(std::move(heads[i]));
  heads = std::move(sorted);
}

}  // namespace

Library::Library(fs::path folder) : folders_{std::move(folder)} {}

Library::Library(std::vector<fs::path> folders) : folders_(std::move(folders)) {}

void Library::require_folders() const {
  if (!looked_.empty()) {
    throw UserError("rules-no-library"_id, {"", 0, 0, {}, "", ""},
                    fmt::format("the rule library was not found in {}", fmt::join(looked_, ", ")),
                    "Name its folder with --rules-dir or the environment variable TENON_RULES.");
  }
  for (const fs::path& folder : folders_) {
    if (!is_library(folder)) {
      throw UserError("rules-no-library"_id, place_of(folder),
                      "this is no rule library: it has no folder models/ and no folder fusions/");
    }
  }
}

const Library::Contents& Library::contents() const {
  if (contents_) return *contents_;
  require_folders();
  Contents contents;
  std::vector<RuleFile> layouts;
  for (const fs::path& folder : folders_) {
    add_heads(heads_in(folder / "models"), contents.models);
    add_heads(heads_in(folder / "fusions"), contents.families);
    add_heads(heads_in(folder / "layouts"), layouts);
  }
  sort_heads(contents.models);
  sort_heads(contents.families);
  sort_heads(layouts);
  // By name alone: they apply to no model type by themselves.
  for (RuleFile& layout : layouts) contents.models.push_back(std::move(layout));
  contents_ = std::make_shared<const Contents>(std::move(contents));
  return *contents_;
}

const Library::Registry& Library::registry() const {
  if (registry_) return *registry_;
  require_folders();
  Registry registry;
  for (const fs::path& folder : folders_) {
    const auto document = registry_in(folder);
    registry.classes.merge(classes_in(document));
    registry.other_types.merge(other_types_in(document));
  }
  registry_ = std::make_shared<const Registry>(std::move(registry));
  return *registry_;
}

std::pair<std::size_t, std::size_t> Library::count_files() const {
  require_folders();
  std::set<fs::path> models;
  std::set<fs::path> families;
  const auto take = [](const fs::path& folder, std::set<fs::path>& names) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".yaml") names.insert(entry.path().filename());
    }
  };
  for (const fs::path& folder : folders_) {
    take(folder / "models", models);
    take(folder / "layouts", models);
    take(folder / "fusions", families);
  }
  return {models.size(), families.size()};
}

Library Library::standard() {
  const char* const named = std::getenv("TENON_RULES");
  std::vector<fs::path> folders = folders_in(named == nullptr ? "" : named);
  const auto places = standard_places();
  const auto own = std::find_if(places.begin(), places.end(), is_library);
  std::error_code ignored;
  const auto is_own = [&](const fs::path& folder) { return fs::equivalent(folder, *own, ignored); };
  if (own != places.end() && std::none_of(folders.begin(), folders.end(), is_own)) folders.push_back(*own);
  const bool found = !folders.empty();
  Library library(found ? std::move(folders) : std::vector<fs::path>{fs::path()});
  library.is_standard_ = found;
  if (!found) {
    for (const fs::path& place : places) library.looked_.push_back(place.string());
  }
  return library;
}

fs::path Library::locate_model(const std::string& name_or_path) const {
  return locate(models(), name_or_path, "rule file", "tenon rules list");
}

fs::path Library::locate_family(const std::string& name_or_path) const {
  return locate(families(), name_or_path, "fusion family", "tenon rules list");
}

const RuleFile* Library::find_class(const std::string& architecture) const {
  const auto found = registry().classes.find(architecture);
  if (found == registry().classes.end()) return nullptr;
  const auto file = std::find_if(models().begin(), models().end(),
                                 [&](const RuleFile& f) { return f.name == found->second.second; });
  return file == models().end() ? nullptr : &*file;
}

std::string Library::misspelt(const std::string& model_type, const std::string& architecture) const {
  if (registry().other_types.contains(model_type)) return "";  // a model that needs no rules
  for (const auto& [name, entry] : registry().classes) {
    const std::string& type = entry.first;
    if (type != model_type && is_slip(model_type, type) && is_slip(architecture, name)) return type;
  }
  return "";
}

std::size_t Library::layer_of(const fs::path& file) const {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(file, ignored);
  for (std::size_t i = 0; i < folders_.size(); ++i) {
    const fs::path relative = whole.lexically_relative(fs::weakly_canonical(folders_[i], ignored));
    if (!relative.empty() && *relative.begin() != "..") return i;
  }
  return folders_.size();
}

bool Library::owns(const fs::path& file) const {
  return layer_of(file) < folders_.size();
}

const RuleFile* Library::detect(const std::string& model_type, const std::string& architecture) const {
  const RuleFile* best = nullptr;
  const RuleFile* second = nullptr;
  int best_fit = 0;
  std::size_t best_layer = 0;
  for (const auto& file : models()) {
    const int f = fit(file.applies_to, model_type, architecture);
    if (f == 0 || f < best_fit) continue;
    // Of two that fit equally well the one in an earlier folder counts.
    const std::size_t layer = layer_of(file.path);
    if (f == best_fit && layer > best_layer) continue;
    second = f == best_fit && layer == best_layer ? &file : nullptr;
    if (second == nullptr) best = &file;
    best_fit = f;
    best_layer = layer;
  }
  if (second != nullptr) {
    throw UserError("ambiguous-detection"_id, place_of(folder()),
                    fmt::format("the rule files {} and {} both apply to model type '{}', architecture '{}'",
                                best->name, second->name, model_type, architecture),
                    "Choose one with --rules.");
  }
  return best;
}

Library library_of(const Options& options, const std::string& otherwise) {
  std::vector<fs::path> layers = folders_in(options.rules_dir.empty() ? otherwise : options.rules_dir);
  const Library standard = Library::standard();
  if (layers.empty()) return standard;
  if (standard.is_standard())
    layers.insert(layers.end(), standard.folders().begin(), standard.folders().end());
  return Library(std::move(layers));
}

}  // namespace tenon
