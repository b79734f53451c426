#include "cli/project_file.h"

#include <algorithm>
#include <set>

#include "checkpoint/file.h"
#include "checkpoint/manifest.h"
#include "rules/language/yaml_reader.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProjectFile = "tenon.yaml";

// What is said of one run has no place in a file.
bool may_be_in_project(const Option& option) {
  return option.group != Group::kGeneral && option.name != "json" && option.name != "check" &&
         option.name != "update";
}

bool was_converted(const std::string& folder) {
  std::error_code ignored;
  return !folder.empty() && fs::exists(fs::path(folder) / kManifestName, ignored);
}

// A folder's manifest says how it was made, for the way back, for verify and for adapters of it: what a
// project asks for is about what is made next.
bool goes_by_manifest(const std::string& command, const Options& options) {
  if (command == "verify") return was_converted(options.folder);
  return (options.to == Layout::kOriginal && was_converted(options.source)) || was_converted(options.base);
}

// Commands whose options a project may have.
std::set<std::string> commands_with_options() {
  std::set<std::string> out;
  for (const Option& option : all_options()) {
    if (!may_be_in_project(option)) continue;
    std::string_view rest = option.commands;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      out.emplace(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  out.erase("job");
  return out;
}

class ProjectReader {
 public:
  ProjectReader(const fs::path& file, std::string command, const std::vector<std::string>& given,
                Options& options, Diagnostics& diagnostics)
      : yaml_(read_text_file(file, kMaxYamlBytes), file.string(), diagnostics),
        folder_(file.parent_path()),
        command_(std::move(command)),
        given_(given),
        options_(options),
        diagnostics_(diagnostics),
        goes_by_manifest_(goes_by_manifest(command_, options)) {}

  std::vector<std::string> run() {
    if (diagnostics_.has_errors() || yaml_.root().IsNull()) return {};
    MapReader map(yaml_, yaml_.root(), kProjectFile, diagnostics_);
    // What stands under the command's name is nearer than what stands for all.
    for (const std::string& command : commands_with_options()) {
      const YAML::Node node = map.take(command);
      if (!node.IsDefined()) continue;
      MapReader part(yaml_, node, "'" + command + "'", diagnostics_);
      read_options(part, command);
      part.finish();
    }
    std::set<std::string_view> seen;
    for (const Option& option : all_options()) {
      if (may_be_in_project(option) && seen.insert(option.name).second) read_option(map, own_row(option));
    }
    map.finish();
    return used_;
  }

 private:
  // The row that the command has of this name, if it has one.
  const Option& own_row(const Option& option) const {
    for (const Option* own : options_of(command_)) {
      if (own->name == option.name) return *own;
    }
    return option;
  }

  void read_options(MapReader& map, const std::string& command) {
    for (const Option* option : options_of(command)) {
      if (may_be_in_project(*option)) read_option(map, *option, command == command_);
    }
  }

  void read_option(MapReader& map, const Option& option) {
    read_option(map, option, option.belongs_to(command_));
  }

  // Values are looked at in any case, so that a mistake shows in every command.
  void read_option(MapReader& map, const Option& option, bool applies) {
    const std::string name(option.name);
    const YAML::Node node = map.take(name);
    if (!node.IsDefined()) return;
    std::vector<std::string> texts;
    if (option.member.arity == Arity::kFlag) {
      texts = texts_of(map.boolean(name, option.member.on_by_default));
    } else if (option.member.arity == Arity::kOne) {
      texts = texts_of(map.text(name));
    } else {
      texts = map.texts(name);
    }
    Options read;
    for (const std::string& text : texts) {
      if (const auto mistake = option.read(read, resolved_path(option, text)))
        diagnostics_.error("args-value"_id, yaml_.place(node), mistake->message, mistake->hint);
    }
    const auto has = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (!applies || has(given_) || has(used_)) return;
    const bool says_how = option.affects == Affects::kPlan || option.group == Group::kRules;
    if (goes_by_manifest_ && says_how && name != "rules_dir") return;
    option.member.copy(read, options_);
    used_.push_back(name);
  }

  std::string resolved_path(const Option& option, const std::string& text) const {
    const bool is_path = option.completes == Completes::kFile || option.completes == Completes::kFolder ||
                         option.completes == Completes::kCheckpoint ||
                         (option.completes == Completes::kRules &&
                          (text.find('/') != std::string::npos || text.ends_with(".yaml")));
    return is_path ? (folder_ / text).lexically_normal().string() : text;
  }

  YamlFile yaml_;
  fs::path folder_;
  std::string command_;
  const std::vector<std::string>& given_;
  Options& options_;
  Diagnostics& diagnostics_;
  bool goes_by_manifest_;
  std::vector<std::string> used_;
};

}  // namespace

std::optional<fs::path> find_project_file(const fs::path& from) {
  std::error_code ignored;
  for (fs::path folder = from; !folder.empty(); folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / kProjectFile, ignored)) return folder / kProjectFile;
    if (folder == folder.parent_path()) break;
  }
  return std::nullopt;
}

std::vector<std::string> read_project_file(const fs::path& file, const std::string& command,
                                           const std::vector<std::string>& given, Options& options,
                                           Diagnostics& diagnostics) {
  return ProjectReader(file, command, given, options, diagnostics).run();
}

}  // namespace tenon
