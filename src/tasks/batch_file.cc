#include "tasks/batch_file.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>

#include "base/text.h"
#include "checkpoint/file.h"
#include "rules/language/yaml_reader.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxBatchBytes = 4 << 20;
constexpr std::size_t kMaxPath = 4096;    // bytes, as the system's
constexpr std::size_t kMaxJobs = 10'000;  // globs and aliases multiply
constexpr std::size_t kMaxMistakes = 100;

// The options of a task that are keys of a job: of a comparison what is compared, not how it is shown.
std::vector<const Option*> keys_of(BatchTask task) {
  if (task == BatchTask::kConvert) return options_of("job");
  std::vector<const Option*> out;
  for (const Option* option : options_of(name_of(task))) {
    const bool is_shown = option->group == Group::kReport || option->group == Group::kGeneral;
    if (!is_shown && option->name != "check" && option->name != "rules_dir") out.push_back(option);
  }
  return out;
}

// As a shell does: "~/" is the home folder, "${NAME}" what the environment says. The name of the first one
// that is not set goes into `unset`.
std::string with_environment(std::string_view text, std::string& unset) {
  std::string out;
  if (const char* const home = std::getenv("HOME");
      home != nullptr && (text == "~" || text.starts_with("~/"))) {
    out = home;
    text.remove_prefix(1);
  }
  while (true) {
    const std::size_t begin = text.find("${");
    const std::size_t end = begin == std::string_view::npos ? begin : text.find('}', begin);
    out += text.substr(0, begin);
    if (end == std::string_view::npos) return out + std::string(text.substr(std::min(begin, text.size())));
    const std::string name(text.substr(begin + 2, end - begin - 2));
    if (const char* const value = std::getenv(name.c_str())) {
      out += value;
    } else if (unset.empty()) {
      unset = name;
    }
    text.remove_prefix(end + 1);
  }
}

std::string resolved(const std::filesystem::path& folder, const std::string& path) {
  return (folder / path).lexically_normal().string();
}

bool is_checkpoint_like(const std::string& path) {
  return std::filesystem::is_directory(path) || path.ends_with(".safetensors");
}

std::string name_of_source(std::string source) {
  while (source.size() > 1 && source.ends_with('/')) source.pop_back();
  const std::filesystem::path path(source);
  return path.extension() == ".safetensors" ? path.stem().string() : path.filename().string();
}

// The first "{word}" that stands for nothing, "" where there is none.
std::string unknown_hole(std::string_view text, std::string_view known) {
  for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    const std::size_t end = text.find_first_of("{}", at + 1);
    if (end == std::string_view::npos) break;
    const std::string_view hole = text.substr(at, end - at + 1);
    if (text[end] == '}' && hole != known) return std::string(hole);
  }
  return "";
}

// Cut where it is longer than a path may be.
std::string fill_in(std::string text, const std::string& name) {
  constexpr std::string_view kHole = "{name}";
  for (std::size_t at = text.find(kHole); at < kMaxPath; at = text.find(kHole, at + name.size())) {
    text.replace(at, kHole.size(), name);
  }
  text.resize(std::min(text.size(), kMaxPath + 1));
  return text;
}

class BatchParser {
 public:
  BatchParser(std::string_view text, const std::string& file, std::filesystem::path folder,
              Diagnostics& diagnostics, const FindSources& find)
      : yaml_(text, file, diagnostics), folder_(std::move(folder)), diagnostics_(diagnostics), find_(find) {}

  std::vector<BatchJob> run() {
    if (diagnostics_.has_errors()) return {};
    MapReader root(yaml_, yaml_.root(), "a batch file", diagnostics_);
    read_defaults(root.take("defaults"));
    const YAML::Node jobs = root.take("jobs");
    root.finish();
    if (!yaml_.root().IsMap()) {
      if (yaml_.root().IsNull())
        root.error("batch-malformed"_id, yaml_.root(), "an empty batch file", "It needs a list of 'jobs'.");
    } else if (!jobs.IsDefined() || !jobs.IsSequence() || jobs.size() == 0) {
      root.error("batch-malformed"_id, jobs.IsDefined() ? jobs : yaml_.root(),
                 "a batch file needs a list of 'jobs'", "Each has a 'source' and a 'destination'.");
    } else {
      read_jobs(jobs);
    }
    return std::move(jobs_);
  }

 private:
  void read_defaults(const YAML::Node& node) {
    if (!node.IsDefined()) return;
    MapReader map(yaml_, node, "'defaults'", diagnostics_);
    read_options(map, BatchTask::kConvert, defaults_);
    map.finish();
  }

  // The keys that `defaults` and a job have in common, read over what is there before.
  void read_options(MapReader& map, BatchTask task, Options& options) {
    for (const Option* option : keys_of(task)) {
      const std::string key(option->name);
      const YAML::Node node = map.take(key);
      if (!node.IsDefined()) continue;
      for (const std::string& text : texts_of_key(map, *option, key, options)) {
        if (const auto mistake = option->read(options, text))
          diagnostics_.error("args-value"_id, yaml_.place(node), mistake->message, mistake->hint);
      }
    }
  }

  // A list replaces the one before it; what is no value of its type was reported.
  std::vector<std::string> texts_of_key(MapReader& map, const Option& option, const std::string& key,
                                        Options& options) {
    if (option.member.arity == Arity::kFlag) return texts_of(map.boolean(key, option.member.on_by_default));
    if (option.member.arity == Arity::kOne) return texts_of(map.text(key));
    option.member.copy({}, options);
    return map.texts(key);
  }

  // A file of nothing but mistakes, or of more jobs than anybody has, is not read to its end.
  bool is_enough() const { return diagnostics_.all().size() >= kMaxMistakes || jobs_.size() > kMaxJobs; }

  void read_jobs(const YAML::Node& jobs) {
    for (const auto& job : jobs) {
      read_job(job);
      if (!is_enough()) continue;
      diagnostics_.error("batch-limit"_id, yaml_.place(job),
                         jobs_.size() > kMaxJobs ? fmt::format("more than {} jobs", kMaxJobs)
                                                 : "too many mistakes; the jobs below were not looked at");
      return;
    }
  }

  // The checkpoints that a source stands for: itself, or what its glob matches.
  std::vector<std::string> sources_of(const std::string& source, const YAML::Node& node) {
    const std::string path = resolved(folder_, source);
    if (path.size() > kMaxPath) {
      diagnostics_.error("batch-limit"_id, yaml_.place(node), fmt::format("a path of {} bytes", path.size()));
      return {};
    }
    if (path.find_first_of("*?[") == std::string::npos) return {path};
    auto found = find_(path);
    if (found.empty()) {
      diagnostics_.error(
          "batch-no-match"_id, yaml_.place(node), fmt::format("no checkpoint matches '{}'", source),
          fmt::format("Paths are relative to '{}'.", folder_.empty() ? "." : folder_.string()));
    }
    return found;
  }

  void require_known_holes(const YAML::Node& value, std::string_view known) {
    std::string unset;
    const std::string hole = unknown_hole(with_environment(value.Scalar(), unset), known);
    if (hole.empty()) return;
    diagnostics_.error(
        "batch-unknown-hole"_id, yaml_.place(value), fmt::format("{} stands for nothing", hole),
        "In destination and name, {name} stands for the name of the source's folder; there is no other.");
  }

  // "" where there is none, which is a mistake.
  std::string path_of(MapReader& map, const YAML::Node& job, const char* key) {
    map.require(key);
    std::string unset;
    const std::string path = with_environment(map.text(key), unset);
    const YAML::Node value = job[key];
    if (!unset.empty()) {
      map.error("batch-unset-variable"_id, value, fmt::format("{} is not set in the environment", unset),
                "Set it, or write the path itself.");
      return "";
    }
    if (value && value.IsScalar() && path.empty())
      map.error("batch-malformed"_id, value, fmt::format("'{}' of a job is empty", key));
    return path;
  }

  void read_job(const YAML::Node& node) {
    if (!node.IsMap()) {
      diagnostics_.error("batch-malformed"_id, yaml_.place(node), "a job is a map of keys and values",
                         "It needs a 'source' and a 'destination'.");
      return;
    }
    MapReader map(yaml_, node, "a job", diagnostics_);
    const BatchTask task = task_of(map, node);
    // What stands beside the source: made, or compared with it.
    const char* const beside = task == BatchTask::kConvert  ? "destination"
                               : task == BatchTask::kParity ? "fused"
                                                            : "other";
    const bool is_optional = task == BatchTask::kParity && !node[beside];
    const std::string source = path_of(map, node, "source");
    const std::string second = is_optional ? map.text(beside) : path_of(map, node, beside);
    const std::string name =
        map.text("name", task == BatchTask::kConvert ? "{name}" : fmt::format("{{name}} {}", name_of(task)));
    const std::vector<std::string> needs = map.texts("needs");
    for (const char* key : {"source", beside, "name"}) {
      const YAML::Node value = node[key];
      if (value && value.IsScalar())
        require_known_holes(value, key == std::string_view("source") ? "" : "{name}");
    }
    Options options = defaults_for(task);
    read_options(map, task, options);
    map.finish();
    if (source.empty() || (second.empty() && !is_optional)) return;

    for (const auto& path : sources_of(source, node["source"])) {
      if (is_enough()) return;
      const std::string source_name = name_of_source(path);
      BatchJob job{fill_in(name, source_name), options, task, needs};
      job.options.source = path;
      std::string& place = task == BatchTask::kConvert ? job.options.destination : job.options.other;
      if (!is_optional) place = resolved(folder_, fill_in(second, source_name));
      if (job.name.size() > kMaxPath || place.size() > kMaxPath) {
        diagnostics_.error("batch-limit"_id, yaml_.place(node[beside]),
                           fmt::format("a path or name of more than {} bytes", kMaxPath));
        return;
      }
      add(std::move(job), node[beside]);
    }
  }

  BatchTask task_of(MapReader& map, const YAML::Node& node) {
    const std::string text = map.text("task", "convert");
    std::vector<std::string> names;
    for (const BatchTask task : {BatchTask::kConvert, BatchTask::kParity, BatchTask::kDiff}) {
      if (text == name_of(task)) return task;
      names.emplace_back(name_of(task));
    }
    map.error("batch-malformed"_id, node["task"], fmt::format("there is no task '{}'", text),
              fmt::format("They are {}.{}", join_some(names), did_you_mean(text, names)));
    return BatchTask::kConvert;
  }

  // Of the defaults those that mean the same to the task.
  Options defaults_for(BatchTask task) const {
    if (task == BatchTask::kConvert) return defaults_;
    Options out;
    for (const Option* option : keys_of(task)) {
      if (option->belongs_to("job")) option->member.copy(defaults_, out);
    }
    return out;
  }

  void add(BatchJob job, const YAML::Node& destination) {
    if (job.task != BatchTask::kConvert) {
      jobs_.push_back(std::move(job));
      return;
    }
    const Place place = yaml_.place(destination);
    const auto [taken, is_new] = destinations_.emplace(job.options.destination, place.line);
    if (is_new) {
      jobs_.push_back(std::move(job));
      return;
    }
    const std::string where =
        taken->second == place.line ? "this job" : fmt::format("the job in line {}", taken->second);
    diagnostics_.error("batch-same-destination"_id, place,
                       fmt::format("{} would be written twice: by {} too", job.options.destination, where),
                       "{name} in a destination stands for the source folder's name.");
  }

  YamlFile yaml_;
  std::filesystem::path folder_;
  Diagnostics& diagnostics_;
  const FindSources& find_;
  Options defaults_;
  std::map<std::string, int> destinations_;  // to the line that asked for it
  std::vector<BatchJob> jobs_;
};

}  // namespace

std::vector<std::string> find_sources(const std::string& glob) {
  glob_t found{};
  std::vector<std::string> out;
  if (::glob(glob.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      if (is_checkpoint_like(found.gl_pathv[i])) out.emplace_back(found.gl_pathv[i]);
    }
  }
  globfree(&found);
  return out;
}

std::vector<BatchJob> parse_batch(std::string_view text, const std::string& file,
                                  const std::filesystem::path& folder, Diagnostics& diagnostics,
                                  const FindSources& find) {
  return BatchParser(text, file, folder, diagnostics, find).run();
}

namespace {

// A pipe will do too. Of a file that is too large to be one of jobs, only as much as it takes to say so.
std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxBatchBytes + 1, '\0');
  if (!in || !(in.read(text.data(), static_cast<std::streamsize>(text.size())) || in.eof())) {
    throw UserError("batch-unreadable"_id, place_of(path),
                    fmt::format("cannot be read: {}", std::strerror(errno)),
                    "A batch file is YAML with a list of 'jobs'; 'tenon batch --help' shows one.");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace

std::vector<BatchJob> read_batch_file(const std::filesystem::path& path) {
  Diagnostics diagnostics;
  const bool is_piped = path == "-";
  auto jobs =
      parse_batch(read_text(is_piped ? "/dev/stdin" : path), path.string(), path.parent_path(), diagnostics);
  diagnostics.throw_if_errors();
  return jobs;
}

}  // namespace tenon
