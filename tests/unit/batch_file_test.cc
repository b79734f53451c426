#include "tasks/batch_file.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace tenon;
namespace fs = std::filesystem;

namespace {

// A folder models/ with two checkpoints and a file that is none.
struct Models {
  fs::path folder = fs::temp_directory_path() / "tenon-batch-file-test";
  Models() {
    fs::remove_all(folder);
    fs::create_directories(folder / "models/qwen-a");
    fs::create_directories(folder / "models/qwen-b");
    std::ofstream(folder / "models/qwen-notes.txt") << "no checkpoint";
  }
  ~Models() { fs::remove_all(folder); }
};

std::vector<BatchJob> jobs_of(std::string_view text, const fs::path& folder = "") {
  Diagnostics diagnostics;
  auto jobs = parse_batch(text, "jobs.yaml", folder, diagnostics);
  diagnostics.throw_if_errors();
  return jobs;
}

std::string mistakes_of(std::string_view text, const fs::path& folder = "") {
  try {
    jobs_of(text, folder);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("jobs take the defaults and override them") {
  const auto jobs = jobs_of(R"(
defaults:
  verify: true
  rules: mixtral
  max_shard_size: 10GB
jobs:
  - source: in/a
    destination: out/{name}
  - name: back
    source: out/a
    destination: back
    to: original
    verify: false
    fuse: [qkv, gate_up]
    sync: false
)",
                            "here");
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].name == "a");
  CHECK(jobs[0].options.source == "here/in/a");
  CHECK(jobs[0].options.destination == "here/out/a");
  CHECK(jobs[0].options.max_shard_size->bytes == 10'000'000'000);
  CHECK(jobs[0].options.verify);
  CHECK(jobs[0].options.sync);
  CHECK(jobs[1].name == "back");
  CHECK(jobs[1].options.to == Layout::kOriginal);
  CHECK(jobs[1].options.rules == std::vector<std::string>{"mixtral"});
  CHECK(jobs[1].options.fuse == std::vector<std::string>{"qkv", "gate_up"});
  CHECK_FALSE(jobs[1].options.verify);
  CHECK_FALSE(jobs[1].options.sync);
}

TEST_CASE("comparisons have the options of their commands, and of the defaults those that mean the same") {
  const auto jobs = jobs_of(R"(
defaults: {fuse: [qkv], verify: true, dtype: bf16}
jobs:
  - {task: parity, source: in/a, fused: 'out/{name}', tokens: 4, needs: [b, c]}
  - {task: parity, source: in/a, name: planned}
  - {task: diff, source: in/a, other: back, headers: true}
)",
                            "here");
  REQUIRE(jobs.size() == 3);
  CHECK(jobs[0].task == BatchTask::kParity);
  CHECK(jobs[0].name == "a parity");
  CHECK(jobs[0].options.other == "here/out/a");
  CHECK(jobs[0].options.tokens == 4);
  CHECK(jobs[0].options.fuse == std::vector<std::string>{"qkv"});
  // To a conversion that is what weights are cast to.
  CHECK(jobs[0].options.dtype.empty());
  CHECK(jobs[0].needs == std::vector<std::string>{"b", "c"});
  CHECK(jobs[1].options.other.empty());
  CHECK(jobs[2].task == BatchTask::kDiff);
  CHECK(jobs[2].name == "a diff");
  CHECK(jobs[2].options.other == "here/back");
  CHECK(jobs[2].options.headers);
}

TEST_CASE("a glob makes one job for each checkpoint that it matches, by name") {
  const Models models;
  const auto jobs =
      jobs_of("jobs: [{source: 'models/qwen-*', destination: 'out/{name}-{name}'}]", models.folder);
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].name == "qwen-a");
  CHECK(jobs[1].options.source == (models.folder / "models/qwen-b").string());
  CHECK(jobs[1].options.destination == (models.folder / "out/qwen-b-qwen-b").string());
}

TEST_CASE("a glob to one destination, and one that matches nothing, are mistakes") {
  const Models models;
  const std::string text = mistakes_of(
      "jobs:\n"
      "  - source: models/qwen-*\n"
      "    destination: out\n"
      "  - source: nowhere/*\n"
      "    destination: out2/{name}\n"
      "  - source: x\n"
      "    destination: ./sub/../out\n",
      models.folder);
  CHECK(text.find("jobs.yaml:3:18: error[batch-same-destination]: " + (models.folder / "out").string() +
                  " would be written twice: by this job too") != std::string::npos);
  CHECK(text.find("jobs.yaml:4:13: error[batch-no-match]: no checkpoint matches 'nowhere/*'") !=
        std::string::npos);
  CHECK(text.find("jobs.yaml:7:18: error[batch-same-destination]: " + (models.folder / "out").string() +
                  " would be written twice: by the job in line 3 too") != std::string::npos);
}

TEST_CASE("all mistakes of a batch file are reported at once, each with its place") {
  CHECK(mistakes_of(R"(defaults:
  hash: md5
jobs:
  - source: a
    destination: b
    to: fusd
    threds: 3
  - source: c
  - just text
)") == R"(jobs.yaml:2:9: error[args-value]: 'md5' is none of its values
    hash: md5
          ^
  They are none, xxh3 and sha256.
jobs.yaml:6:9: error[args-value]: 'fusd' is none of its values
      to: fusd
          ^
  They are original and fused.
jobs.yaml:7:5: error[yaml-unknown-key]: unknown key 'threds' in a job
      threds: 3
      ^
  Did you mean 'threads'?
jobs.yaml:8:5: error[yaml-missing-key]: a job needs the key 'destination'
    - source: c
      ^
jobs.yaml:9:5: error[batch-malformed]: a job is a map of keys and values
    - just text
      ^
  It needs a 'source' and a 'destination'.
)");
}

TEST_CASE("a hostile batch file meets the limits of every YAML file") {
  CHECK(mistakes_of("jobs: &a [*a]").find("jobs.yaml:1:7: error[yaml-limit]: nested deeper than 40 levels") ==
        0);
  CHECK(mistakes_of("jobs: [{source: " + std::string(100'000, 'x') + "}]")
            .find("error[yaml-limit]: a value of 100.00 kB") != std::string::npos);
  CHECK(mistakes_of("jobs: \xFF").find("jobs.yaml (byte 6): error[yaml-malformed]: not UTF-8") == 0);
}

TEST_CASE("jobs, mistakes and paths that multiply are given up soon") {
  const std::string line = "{source: a}, ";
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += line;
  const std::string said = mistakes_of("jobs: [" + many + "]");
  CHECK(said.size() < 20'000);
  CHECK(said.find("too many mistakes") != std::string::npos);

  const auto find = [](const std::string&) {
    return std::vector<std::string>(11'000, std::string(200, 'x'));
  };
  const auto parsed = [&](const std::string& text) {
    Diagnostics diagnostics;
    const auto jobs = parse_batch(text, "jobs.yaml", "", diagnostics, find);
    CHECK(jobs.size() <= 10'001);
    return diagnostics.all().empty() ? "" : render(diagnostics.all().back(), false);
  };
  std::string holes;
  for (int i = 0; i < 10'000; ++i) holes += "{name}";
  CHECK(parsed("jobs: [{source: '*', destination: '" + holes + "'}]")
            .find("jobs.yaml:1:35: error[batch-limit]: a path or name of more than 4096 bytes\n") == 0);
  CHECK(parsed("jobs: [{source: '" + std::string(5000, '*') + "', destination: b}]")
            .find("jobs.yaml:1:17: error[batch-limit]: a path of 5000 bytes\n") == 0);
  CHECK(parsed("jobs: [{source: '*', destination: b}]").find("too many mistakes") != std::string::npos);
}

TEST_CASE("a batch file without jobs says what it needs") {
  CHECK(mistakes_of("").find("an empty batch file") != std::string::npos);
  CHECK(mistakes_of("jobs: []")
            .find("jobs.yaml:1:7: error[batch-malformed]: a batch file needs a list of 'jobs'") !=
        std::string::npos);
  CHECK(mistakes_of("- a").find("a batch file is a map of keys and values") != std::string::npos);
  CHECK(mistakes_of("jobs: [").find("not valid YAML") != std::string::npos);
  CHECK(mistakes_of("jobz: [{}]").find("unknown key 'jobz'") != std::string::npos);
}

TEST_CASE("a job without a source or a destination is a mistake, however it is left out") {
  CHECK(mistakes_of("jobs: [{source: a}]").find("a job needs the key 'destination'") != std::string::npos);
  CHECK(mistakes_of("jobs:\n  - source: a\n    destination:\n")
            .find("jobs.yaml:3:5: error[yaml-missing-key]: 'destination' of a job has no value") !=
        std::string::npos);
  CHECK(mistakes_of("jobs: [{source: '', destination: b}]")
            .find("jobs.yaml:1:17: error[batch-malformed]: 'source' of a job is empty") != std::string::npos);
}

TEST_CASE("a hole that stands for nothing is a mistake, wherever it is") {
  CHECK(mistakes_of("jobs: [{source: a, destination: 'out/{model}'}]").find("{model} stands for nothing") !=
        std::string::npos);
  CHECK(mistakes_of("jobs: [{source: '{name}', destination: b}]").find("{name} stands for nothing") !=
        std::string::npos);
  CHECK(mistakes_of("jobs: [{source: a, destination: b, name: '{}'}]").find("{} stands for nothing") !=
        std::string::npos);
  CHECK(jobs_of("jobs: [{source: a, destination: 'out/{name}/{name', name: '{{name}'}]")[0]
            .options.destination == "out/a/{name");
}
