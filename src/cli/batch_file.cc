#include "cli/batch_file.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "checkpoint/file.h"
#include "rules/yaml_reader.h"

namespace tenon {
namespace {

constexpr std::size_t kMaxBytes = 4 << 20;
constexpr std::size_t kMaxPath = 4096;    // bytes, as the system's
constexpr std::size_t kMaxJobs = 10'000;  // globs and aliases multiply
constexpr std::size_t kMaxMistakes = 100;

// Reads the keys that `defaults` and a job have in common over `before`, and keeps where each stood.
ConvertOptions read_flags(MapReader& map, const ConvertOptions& before,
                          std::map<std::string, YAML::Node, std::less<>>& nodes) {
  ConvertOptions flags = before;
  const auto present = [&](const char* key) {
    const YAML::Node node = map.take(key);
    if (node.IsDefined()) nodes.insert_or_assign(key, node);
    return node.IsDefined();
  };
  if (present("to")) flags.to = map.text("to");
  if (present("rules")) flags.rules = map.texts("rules");
  if (present("fuse")) flags.fuse = map.texts("fuse");
  if (present("max_shard_size")) flags.max_shard_size = map.text("max_shard_size");
  if (present("assume_used")) flags.assume_used = map.texts("assume_used");
  if (present("assume_layout")) flags.assume_layout = map.texts("assume_layout");
  if (present("one_way")) flags.one_way = map.boolean("one_way", false);
  if (present("threads"))
    flags.threads = static_cast<int>(std::min<std::int64_t>(map.integer("threads", 0), 1 << 20));
  if (present("hash")) flags.hash = map.text("hash");
  if (present("sync")) flags.sync = map.boolean("sync", true);
  if (present("verify")) flags.verify = map.boolean("verify", false);
  if (present("resume")) flags.resume = map.boolean("resume", false);
  if (present("overwrite")) flags.overwrite = map.boolean("overwrite", false);
  return flags;
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
        root.error(yaml_.root(), "an empty batch file", "It needs a list of 'jobs'.");
    } else if (!jobs.IsDefined() || !jobs.IsSequence() || jobs.size() == 0) {
      root.error(jobs.IsDefined() ? jobs : yaml_.root(), "a batch file needs a list of 'jobs'",
                 "Each has a 'source' and a 'destination'.");
    } else {
      read_jobs(jobs);
    }
    return std::move(jobs_);
  }

 private:
  using Nodes = std::map<std::string, YAML::Node, std::less<>>;

  void read_defaults(const YAML::Node& node) {
    if (!node.IsDefined()) return;
    MapReader map(yaml_, node, "'defaults'", diagnostics_);
    defaults_ = read_flags(map, {}, default_nodes_);
    map.finish();
    meaning(defaults_, default_nodes_, node);
  }

  // A file of nothing but mistakes, or of more jobs than anybody has, is not read to its end.
  bool is_enough() const { return diagnostics_.all().size() >= kMaxMistakes || jobs_.size() > kMaxJobs; }

  void read_jobs(const YAML::Node& jobs) {
    for (const auto& job : jobs) {
      read_job(job);
      if (!is_enough()) continue;
      diagnostics_.error(yaml_.place(job), jobs_.size() > kMaxJobs
                                               ? fmt::format("more than {} jobs", kMaxJobs)
                                               : "too many mistakes; the jobs below were not looked at");
      return;
    }
  }

  // The checkpoints that a source stands for: itself, or what its glob matches.
  std::vector<std::string> sources_of(const std::string& source, const YAML::Node& node) {
    const std::string path = resolved(folder_, source);
    if (path.size() > kMaxPath) {
      diagnostics_.error(yaml_.place(node), fmt::format("a path of {} bytes", path.size()));
      return {};
    }
    if (path.find_first_of("*?[") == std::string::npos) return {path};
    auto found = find_(path);
    if (found.empty()) {
      diagnostics_.error(yaml_.place(node), fmt::format("no checkpoint matches '{}'", source),
                         fmt::format("Paths are relative to {}.", folder_.empty() ? "." : folder_.string()));
    }
    return found;
  }

  // "" where there is none, which is a mistake.
  std::string path_of(MapReader& map, const YAML::Node& job, const char* key) {
    map.require(key);
    const std::string path = map.text(key);
    const YAML::Node value = job[key];
    if (value && value.IsScalar() && path.empty())
      map.error(value, fmt::format("'{}' of a job is empty", key));
    return path;
  }

  void read_job(const YAML::Node& node) {
    if (!node.IsMap()) {
      diagnostics_.error(yaml_.place(node), "a job is a map of keys and values",
                         "It needs a 'source' and a 'destination'.");
      return;
    }
    MapReader map(yaml_, node, "a job", diagnostics_);
    const std::string source = path_of(map, node, "source");
    const std::string destination = path_of(map, node, "destination");
    const std::string name = map.text("name", "{name}");
    Nodes nodes;
    const ConvertOptions flags = read_flags(map, defaults_, nodes);
    map.finish();
    const ConvertRequest request = meaning(flags, nodes, node);
    if (source.empty() || destination.empty()) return;

    for (const auto& path : sources_of(source, node["source"])) {
      if (is_enough()) return;
      const std::string source_name = name_of_source(path);
      BatchJob job{fill_in(name, source_name), request};
      job.request.source = path;
      job.request.destination = resolved(folder_, fill_in(destination, source_name));
      if (job.name.size() > kMaxPath || job.request.destination.size() > kMaxPath) {
        diagnostics_.error(yaml_.place(node["destination"]),
                           fmt::format("a path or name of more than {} bytes", kMaxPath));
        return;
      }
      add(std::move(job), node["destination"]);
    }
  }

  void add(BatchJob job, const YAML::Node& destination) {
    const Place place = yaml_.place(destination);
    const auto [taken, is_new] = destinations_.emplace(job.request.destination, place.line);
    if (is_new) {
      jobs_.push_back(std::move(job));
      return;
    }
    const std::string where =
        taken->second == place.line ? "this job" : fmt::format("the job in line {}", taken->second);
    diagnostics_.error(place,
                       fmt::format("{} would be written twice: by {} too", job.request.destination, where),
                       "{name} in a destination stands for the source folder's name.");
  }

  // A mistake in a value that came with the defaults was reported with them.
  ConvertRequest meaning(const ConvertOptions& flags, const Nodes& nodes, const YAML::Node& whole) {
    Diagnostics found;
    std::vector<bool> is_here;
    const auto place = [&](std::string_view flag) {
      const auto node = nodes.find(flag);
      is_here.push_back(node != nodes.end());
      return yaml_.place(is_here.back() ? node->second : whole);
    };
    const ConvertRequest request = meaning_of(flags, place, found);
    for (std::size_t i = 0; i < found.all().size(); ++i) {
      if (is_here[i]) diagnostics_.add(found.all()[i]);
    }
    return request;
  }

  YamlFile yaml_;
  std::filesystem::path folder_;
  Diagnostics& diagnostics_;
  const FindSources& find_;
  ConvertOptions defaults_;
  Nodes default_nodes_;
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
  std::string text(kMaxBytes + 1, '\0');
  if (!in || !(in.read(text.data(), static_cast<std::streamsize>(text.size())) || in.eof())) {
    throw UserError(place_of(path), fmt::format("cannot be read: {}", std::strerror(errno)),
                    "A batch file is YAML with a list of 'jobs'; 'tenon batch --help' shows one.");
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace

std::vector<BatchJob> read_batch_file(const std::filesystem::path& path) {
  Diagnostics diagnostics;
  auto jobs = parse_batch(read_text(path), path.string(), path.parent_path(), diagnostics);
  diagnostics.throw_if_errors();
  return jobs;
}

}  // namespace tenon
